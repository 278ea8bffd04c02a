import type { ExecutionContext, TestFn } from 'ava';
import { GradloomError, type GradloomErrorCode } from '../../lib/core/errors.ts';

/** A wrong use, and the error that it has to give, word for word. */
export type WrongUse = readonly [use: () => unknown, message: string];

/** Runs a wrong use, which throws or rejects, and compares its error. */
export async function checkError(
  t: ExecutionContext,
  code: GradloomErrorCode,
  [use, message]: WrongUse,
): Promise<void> {
  const error = await t.throwsAsync(async () => use());
  t.true(error instanceof GradloomError, String(error));
  t.like(error, { code, message });
}

/** One test for each wrong use. */
export function testErrors(test: TestFn, code: GradloomErrorCode, uses: readonly WrongUse[]): void {
  for (const [index, use] of uses.entries()) {
    test(`${code} ${index + 1}: ${use[1]}`, (t) => checkError(t, code, use));
  }
}

/** Hands a value of any type to a parameter of another. */
export function wrongly(value: unknown): never {
  return value as never;
}
