/** GRADLOOM_SIMD holds a process to an instruction set, or is refused with those that there are. */
import test from 'ava';
import { info } from '../../lib/index.ts';
import { lastLineOf, runProgram } from './run-program.ts';

interface Said {
  readonly simdTarget?: string;
  readonly y?: number;
  readonly code?: string;
  readonly message?: string;
}

async function say(name: string, args: readonly string[] = []): Promise<Said[]> {
  process.env.GRADLOOM_SIMD = name;
  try {
    const { stdout } = await runProgram('simd', args);
    return JSON.parse(lastLineOf(stdout)) as Said[];
  } finally {
    delete process.env.GRADLOOM_SIMD;
  }
}

/** Of this processor, the best one first. */
async function readNames(): Promise<string[]> {
  const [refused] = await say('Z80');
  const known =
    /^GRADLOOM_SIMD: "Z80" is no instruction set of this processor that there is code for: (.+)$/.exec(
      refused?.message ?? '',
    );
  return refused?.code === 'INVALID_OPTION' ? (known?.[1]?.split(', ') ?? []) : [];
}

test.serial('every instruction set of this processor can be asked for, no other, and none', async (t) => {
  const names = await readNames();
  t.is(names[0], info().simdTarget);
  const [best] = await say('');
  t.is(best?.simdTarget, info().simdTarget);
  for (const name of names) {
    const [said] = await say(name);
    t.is(said?.simdTarget, name);
    const y = said?.y ?? Number.NaN;
    t.true(Math.abs(y - (best?.y ?? Number.NaN)) <= 1e-5 * Math.abs(y), `${y} beside ${best?.y}`);
  }
});

test.serial('threads of a process share its instruction set, and cannot ask for another one', async (t) => {
  const names = await readNames();
  const least = names.at(-1) ?? '';
  const other = names.length > 1 ? (names[0] as string) : 'Z80';
  const [own, inherited, asked, behind] = await say(least, [other]);
  t.is(own?.simdTarget, least);
  t.deepEqual(inherited, own);
  t.deepEqual(asked, {
    code: 'INVALID_OPTION',
    message: `GRADLOOM_SIMD: this process computes by ${least} already, not by ${other}`,
  });
  t.deepEqual(behind, own);
});
