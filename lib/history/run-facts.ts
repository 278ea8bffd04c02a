import type { InputShape } from '../core/shape.ts';
import type { AnyDataset } from '../datasets/dataset.ts';
import type { SampleStream } from '../datasets/streams/stream.ts';
import type { Model } from '../models/model.ts';
import type { Spec } from '../native/index.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Optimizers } from '../optimizers/several.ts';

/** What a run was started with, for reports. */
export interface RunFacts {
  readonly model: Model<InputShape>;
  readonly train: AnyDataset | SampleStream<InputShape>;
  readonly validation: AnyDataset | undefined;
  readonly optimizer: Optimizer;
  readonly optimizers: Optimizers;
  readonly loss: Spec;
  readonly metrics: readonly string[];
  readonly seed: number;
  /** 0: all that affinity and quota allow. */
  readonly threads: number;
  readonly nonFinite: string;
  /** Infinity: all that a stream gives. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly shuffle: string;
  /** Other options of the run, as far as they are plain data. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startedAt: Date;
}

/** As long as a run is held, and no longer. */
const FACTS = new WeakMap<object, RunFacts>();

export function recordFacts(run: object, facts: RunFacts): void {
  FACTS.set(run, facts);
}

/** Undefined for what is no run. */
export function factsOf(run: unknown): RunFacts | undefined {
  return typeof run === 'object' && run !== null ? FACTS.get(run) : undefined;
}
