/**
 * The native addon: loads it and shows its whole surface. Nothing else in `lib/` knows that there is a native side: the
 * modules above turn a user's options into frozen specs and hand typed arrays through.
 */
import { callNative } from '../core/errors.ts';
import type { NativeAddon } from './addon.ts';
import { loadAddon } from './load-addon.ts';

export type * from './addon.ts';
export type * from './measuring.ts';
export type * from './model.ts';
export type * from './objective.ts';
export type * from './run.ts';
export type * from './samples.ts';
export type * from './spec.ts';
export type * from './state.ts';
export type * from './trainer.ts';
export type * from './word-vectors.ts';

/** Errors thrown by the addon carry a stable `code`; `lib/core/errors.ts` turns them into `GradloomError`. */
export const native: NativeAddon = load();

function load(): NativeAddon {
  const addon = loadAddon() as NativeAddon;
  callNative(() => addon.chooseSimdTarget(process.env.GRADLOOM_SIMD ?? ''));
  return addon;
}
