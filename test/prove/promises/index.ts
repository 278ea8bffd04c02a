import type { PromiseProof } from '../promise.ts';
import { determinism } from './p05-determinism.ts';
import { notFinite } from './p06-not-finite.ts';
import { floatingPoint } from './p07-floating-point.ts';
import { workers } from './p08-workers.ts';
import { ends } from './p09-ends.ts';
import { abort } from './p10-abort.ts';
import { eventLoop } from './p11-event-loop.ts';
import { borrowed } from './p12-borrowed.ts';
import { hostileArguments } from './p13-hostile-arguments.ts';
import { largeShapes } from './p14-large-shapes.ts';
import { outOfMemory } from './p15-out-of-memory.ts';
import { memoryLimit } from './p16-memory-limit.ts';
import { defaultThreads } from './p17-threads.ts';
import { killedSaves } from './p23-killed-saves.ts';
import { failedSaves } from './p24-failed-saves.ts';
import { flippedBits } from './p25-flipped-bits.ts';
import { resumedRuns } from './p26-resumed-runs.ts';
import { keptFiles } from './p27-kept-files.ts';

export const PROOFS: readonly PromiseProof[] = [
  determinism,
  notFinite,
  floatingPoint,
  workers,
  ends,
  abort,
  eventLoop,
  borrowed,
  hostileArguments,
  largeShapes,
  outOfMemory,
  memoryLimit,
  defaultThreads,
  killedSaves,
  failedSaves,
  flippedBits,
  resumedRuns,
  keptFiles,
];
