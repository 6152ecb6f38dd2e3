/* SIGINT, SIGTERM and SIGHUP: what comes is kept until somebody takes it, however early, and ends
 * the process at no time. */
#ifndef APP_SIGNALS_H
#define APP_SIGNALS_H

/* From here on they are kept, until as many have let go as have held. Any one thread. */
void signals_hold(void);
void signals_let_go(void);

/* Of those who hold: readable when one has come. */
int signals_fd(void);

/* The next one, 0: there is none. */
int signals_take(void);

#endif
