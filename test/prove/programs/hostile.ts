/**
 * Calls all that is exported with hostile arguments, in a folder of its own: `hostile.ts <folder> <trials> <seed>`. Writes what is
 * wrong as lines of JSON, each fault once, and the number of functions last.
 */
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { GradloomError } from '../../../lib/index.ts';
import { exportedCalls } from '../exported-calls.ts';
import { ENDLESS, hostile, MINE, PIPE, spoil } from '../hostile.ts';
import { randomIntegers } from '../promise.ts';

const [folder = '', trials = '0', seed = '0'] = process.argv.slice(2);
/** What is computed takes milliseconds: a call that takes so many turns of this length has hung. A machine that stands still makes one. */
const TURNS = 80;
const TURN_MS = 250;

/** What is wrong with how a call ended: it may give back what its arguments threw, or say in our words what is wrong. */
function faultOf(error: unknown): string | undefined {
  if (error === MINE) return undefined;
  if (!(error instanceof GradloomError)) return String(error instanceof Error ? error.stack : error);
  return error.code === 'INTERNAL' ? error.message : undefined;
}

async function outcomeOf(call: (...args: never[]) => unknown, args: readonly unknown[]) {
  try {
    const result = call(...(args as never[]));
    if (!(result instanceof Promise) && !isRun(result)) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      let turns = 0;
      timer = setInterval(
        () => ++turns === TURNS && resolve(`it does not end, given ${shown(args)}`),
        TURN_MS,
      );
    });
    const ended = Promise.resolve(result).then(() => undefined);
    return await Promise.race([ended, late]).finally(() => clearInterval(timer));
  } catch (error) {
    return faultOf(error);
  }
}

function shown(args: readonly unknown[]): string {
  try {
    return inspect(args, { breakLength: Number.POSITIVE_INFINITY }).slice(0, 1000);
  } catch {
    return 'what cannot be shown';
  }
}

function isRun(result: unknown): boolean {
  return result?.constructor?.name === 'TrainingRun';
}

process.removeAllListeners('warning');
process.chdir(folder);
execFileSync('mkfifo', [PIPE]);
symlinkSync('/dev/zero', ENDLESS);
const random = randomIntegers(Number(seed));
const calls = await exportedCalls(folder);
const seen = new Set<string>();
for (let trial = 0; trial < Number(trials); trial++) {
  const { name, call, args } = calls[random(calls.length)] as (typeof calls)[number];
  const isWild = random(4) === 0;
  const given = isWild ? Array.from({ length: random(4) }, () => hostile(random)) : spoil(random, args);
  const fault = await outcomeOf(call, given);
  const place = fault?.split('\n').find((line) => line.includes('/lib/')) ?? fault;
  if (fault === undefined || seen.has(`${name} ${place}`)) continue;
  seen.add(`${name} ${place}`);
  writeSync(1, `${JSON.stringify(`${name}, trial ${trial}: ${fault}`)}\n`);
}
if ('polluted' in {}) writeSync(1, `${JSON.stringify('Object.prototype was changed')}\n`);
writeSync(1, `${calls.length}\n`);
process.exit(0);
