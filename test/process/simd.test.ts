/** GRADLOOM_SIMD holds kernels to an instruction set, or is refused with those that there are. */
import test from 'ava';
import { info } from '../../lib/index.ts';
import { lastLineOf, runProgram } from './run-program.ts';

interface Said {
  readonly simdTarget?: string;
  readonly y?: number;
  readonly code?: string;
  readonly message?: string;
}

async function say(name: string): Promise<Said> {
  process.env.GRADLOOM_SIMD = name;
  try {
    const { stdout } = await runProgram('simd', []);
    return JSON.parse(lastLineOf(stdout)) as Said;
  } finally {
    delete process.env.GRADLOOM_SIMD;
  }
}

test.serial('every instruction set of this processor can be asked for, and no other', async (t) => {
  const { code, message } = await say('Z80');
  t.is(code, 'INVALID_OPTION');
  const known =
    /^GRADLOOM_SIMD: "Z80" is no instruction set of this processor that there is code for: (.+)$/.exec(
      message ?? '',
    );
  const names = known?.[1]?.split(', ') ?? [];
  t.is(names[0], info().simdTarget);
  const best = await say(info().simdTarget);
  for (const name of names) {
    const { simdTarget, y = Number.NaN } = await say(name);
    t.is(simdTarget, name);
    t.true(Math.abs(y - (best.y ?? Number.NaN)) <= 1e-5 * Math.abs(y), `${y} beside ${best.y}`);
  }
});
