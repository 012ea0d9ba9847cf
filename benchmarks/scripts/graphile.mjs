// graphile-worker runs one due periodic job its own way: at each line of input, prints the milliseconds that its
// statements for that took. Arguments: a folder with node_modules, the database's URL.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
const require = createRequire(process.argv[2] + "/");
const { Logger, run, parseCronItems } = require("graphile-worker");
const pg = require("pg");

const DUE = /_private_known_crontabs[\s\S]*add_job/i;
const TAKE = /for update[\s\S]*skip locked/i;
const DONE = /delete from[\s\S]*_private_jobs/i;
const pool = new pg.Pool({ connectionString: process.argv[3], max: 4 });
const logger = new Logger(() => () => {});
let spent = [];

function timed(queryable) {
  const query = queryable.query.bind(queryable);
  queryable.query = (...given) => {
    const text = typeof given[0] === "string" ? given[0] : given[0].text;
    const started = process.hrtime.bigint();
    const keep = (answer) => {
      spent.push([text, Number(process.hrtime.bigint() - started) / 1e6, answer?.rowCount ?? 0]);
      return answer;
    };
    const told = given.at(-1);
    if (typeof told !== "function") return query(...given).then(keep);
    return query(...given.slice(0, -1), (error, answer) => told(error, keep(answer)));
  };
}

pool.on("connect", timed);
const parsedCronItems = parseCronItems([
  { task: "nothing", match: "* * * * *", identifier: "measured", options: { backfillPeriod: 90_000 } },
]);

async function once() {
  let seen;
  const taskRan = new Promise((resolve) => (seen = resolve));
  spent = [];
  const runner = await run({
    pgPool: pool, concurrency: 1, noHandleSignals: true, parsedCronItems, pollInterval: 60_000,
    taskList: { nothing: async () => seen() },
    logger,
  });
  await taskRan;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await runner.stop();
  // A minute may have begun meanwhile: the first job counts.
  const first = (kind) => spent.find(([text, , rows]) => kind.test(text) && rows > 0)[1];
  return first(DUE) + first(TAKE) + first(DONE);
}

const known = await run({ pgPool: pool, noHandleSignals: true, logger, parsedCronItems, taskList: { nothing: async () => {} } });
await known.stop();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  await pool.query(
    `update graphile_worker._private_known_crontabs
    set known_since = now() - interval '1 hour', last_execution = date_trunc('minute', now()) - interval '1 minute'`,
  );
  console.log(await once());
}
await pool.end();
