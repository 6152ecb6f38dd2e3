/* What watches the world outside for triggers: files, signals, tables of other programs' databases.
 *
 * A sensor looks at one source and reports what happened as events, together with a position: JSON
 * text that says how far it has come. Whoever hears of it stores both in one transaction and then
 * acknowledges. So nothing that happens after the first report of a position is lost, also while
 * the program is down (signals excepted, which nobody keeps), and nothing is reported again whose
 * position was stored. Each source decides what a position is.
 *
 * All functions and the reporter run on the thread of the loop; whatever may block runs on libuv's
 * threads, for one source one thing at a time. */
#ifndef SENSOR_SENSOR_H
#define SENSOR_SENSOR_H

#include <uv.h>

struct sensors;

/* What a sensor has to say. The texts live during the call. */
struct sensor_news {
  const char *events;   /* JSON array of 1 to SENSOR_EVENTS_MAX objects, oldest first; NULL: none */
  const char *position; /* what to go on from; NULL: as before */
  const char *problem;  /* why the source, or a part of it, cannot be watched at present: a sentence
                           without a full stop; NULL: it can, or can again */
};

enum { SENSOR_EVENTS_MAX = 100 };

typedef void (*sensor_reporter)(void *context, const char *key, const struct sensor_news *news);

/* `reader` names this program among others that watch the same databases: it is the same at each
 * start, and no other's. */
struct sensors *sensors_open(uv_loop_t *loop, const char *reader, sensor_reporter report,
                             void *context);

/* Watches `source` under the name of `key` from `position` on. The reporter is not called before
 * this has returned. Without a position it is watched for the first time: the first report, once
 * the source can be watched, is the position alone, and needs no acknowledgement.
 *   {"kind":"on_file","glob":"/srv/in/orders-*.csv","settle":"2s"}  settle: default "1s"
 *   {"kind":"on_signal","signal":"SIGUSR1"}
 *   {"kind":"on_change","database":"/srv/app.db","table":"orders"}
 * Other members are not looked at. A problem of the source is reported, and tried again where that
 * may help. The same source as before changes nothing, whatever the position; another takes its
 * place. NULL ends the watching for good: what was left in a database for its sake is taken away.
 * To end what was watched in an earlier life, set its source and then NULL. */
void sensors_set(struct sensors *sensors, const char *key, const char *source,
                 const char *position);

/* The events that were reported with this position are durable: only now more are reported for the
 * key. Any other position is ignored. */
void sensors_acknowledge(struct sensors *sensors, const char *key, const char *position);

/* What the events tell:
 *   {"path":...,"change":"created"|"changed","size":...,"modified_at":...}: a regular file, after
 * it has been as it is for the length of `settle`; a change of its mode or owner counts too
 *   {"signal":"SIGUSR1"}
 *   {"database":...,"table":...,"operation":"insert"|"update"|"delete","rowid":...,"at":...}: a row
 *     that was committed; without rowids "key", an array. A row that INSERT OR REPLACE pushes out
 * is told only where its program has set PRAGMA recursive_triggers. */

/* Reports nothing any more; ends no watching for good. The memory goes when the work in progress,
 * which is told to end, is over and the loop has closed the handles. NULL is fine. */
void sensors_close(struct sensors *sensors);

#endif
