// The opinions of npm's croner, cron-parser and rrule on cases: reads lines of cases, writes one line for each:
// {"id":..., "fires":{"croner 11.0.1":[...], ...}}. A refusal is null.
//
//   npm install croner@11.0.1 cron-parser@5.10.5 rrule@2.8.1
//   NODE_PATH=.../node_modules node oracle.js < cases.jsonl
//
// rrule knows no zones here: its answers are wall-clock times, for the caller to place.

"use strict";

const readline = require("readline");
const { Cron } = require("croner");
const { CronExpressionParser } = require("cron-parser");
const { rrulestr } = require("rrule");
const { readFileSync } = require("fs");
const path = require("path");

function version(name) {
  const folder = process.env.NODE_PATH.split(path.delimiter)[0];
  return `${name} ${JSON.parse(readFileSync(path.join(folder, name, "package.json"))).version}`;
}

function attempt(ask) {
  try {
    return ask();
  } catch {
    return null;
  }
}

function expressionOf(params) {
  return params.expr ?? params.expression;
}

function croner({ params, tz, start_epoch: start, k }) {
  const cron = new Cron(expressionOf(params), { timezone: tz, paused: true, mode: "5-or-6-parts" });
  return cron.nextRuns(k, new Date(start * 1000)).map((d) => d.getTime() / 1000);
}

function cronParser({ params, tz, start_epoch: start, k }) {
  const cron = CronExpressionParser.parse(expressionOf(params), { tz, currentDate: new Date(start * 1000) });
  return Array.from({ length: k }, () => cron.next().getTime() / 1000);
}

// Local times in seconds, from a day or so before the start on, and more than enough of them.
function rrule({ params, start_epoch: start, k }) {
  const rule = rrulestr(`DTSTART:${params.dtstart}Z\nRRULE:${params.rrule}`);
  const found = [];
  rule.all((date) => {
    const local = date.getTime() / 1000;
    if (local > start - 3 * 86400) {
      found.push(local);
    }
    return found.length < k + 200;
  });
  return found;
}

const cronNames = { croner: version("croner"), cronParser: version("cron-parser") };
const rruleName = version("rrule");

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const item = JSON.parse(line);
  const fires = {};
  if (item.kind !== "rrule") {
    fires[cronNames.croner] = attempt(() => croner(item));
    fires[cronNames.cronParser] = attempt(() => cronParser(item));
  } else {
    fires[rruleName] = attempt(() => rrule(item));
  }
  console.log(JSON.stringify({ id: item.id, fires }));
});
