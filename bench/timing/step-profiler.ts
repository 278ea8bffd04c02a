/** Steps of a workload, on the calling thread, with the time of every part. */
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { stateOf } from '../../lib/models/model.ts';
import { inputNamesOf } from '../../lib/models/network/network.ts';
import { makeObjective, toNativeObjective } from '../../lib/models/objective.ts';
import {
  type NativeLabelledSamples,
  type NativeStepProfile,
  type NativeTrainer,
  native,
} from '../../lib/native/index.ts';
import { makeOptimizer } from '../../lib/optimizers/make-optimizer.ts';
import { toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import type { Workload } from '../workloads/workload.ts';
import { type Prepared, prepare } from '../workloads/workload.ts';

const FIRST_STEPS = 5;

type Training = Pick<Workload, 'loss' | 'optimizer' | 'batchSize'>;

export class StepProfiler {
  /** Of all samples' inputs: what the gather reads from. */
  readonly inputBytes: number;
  /** On how many threads the steps run; a plan, which knows no samples, cannot tell where these have entries. */
  readonly threads: number;
  readonly #trainer: NativeTrainer;
  readonly #samples: NativeLabelledSamples;
  readonly #batchSize: number;
  #secondsPerStep: number;
  /** Whether steps take as many threads as a run would find fastest, in place of all. */
  searchesThreads = false;

  /** `threads` 0: all that the machine gives. */
  static async of(workload: Workload, threads: number): Promise<StepProfiler> {
    return StepProfiler.over(await prepare(workload), workload, threads);
  }

  static over({ model, data }: Prepared, workload: Training, threads: number): StepProfiler {
    const state = stateOf(model);
    const { loss, optimizer } = workload;
    const objective = makeObjective('bench', state, { loss, lossWeights: undefined, metrics: [] });
    const trainer = new native.Trainer(state.native, {
      ...toNativeObjective(objective),
      optimizer: toNativeOptimizer(makeOptimizer('bench', optimizer)),
      seed: 1,
      threads,
      memoryLimit: 0,
      nonFinite: 'stop',
    });
    return new StepProfiler(trainer, nativeSamples(data, inputNamesOf(state.network)), workload.batchSize);
  }

  private constructor(trainer: NativeTrainer, samples: NativeLabelledSamples, batchSize: number) {
    this.#trainer = trainer;
    this.#samples = samples;
    this.#batchSize = batchSize;
    this.inputBytes = bytesOf(samples);
    const first = this.#profile(FIRST_STEPS);
    this.threads = first.threads;
    this.#secondsPerStep = mean(first.stepSeconds);
  }

  /** Of about so many seconds, but no fewer steps. */
  profile(seconds: number, leastSteps: number): NativeStepProfile {
    const profile = this.#profile(Math.max(leastSteps, Math.ceil(seconds / this.#secondsPerStep)));
    this.#secondsPerStep = mean(profile.stepSeconds);
    return profile;
  }

  #profile(steps: number): NativeStepProfile {
    const { searchesThreads } = this;
    return this.#trainer.profile(this.#samples, { batchSize: this.#batchSize, steps, searchesThreads });
  }
}

function bytesOf(samples: NativeLabelledSamples): number {
  const columns = samples.columns ?? [samples];
  const bytes = columns.map(({ inputs }) => {
    if ('byteLength' in inputs) return inputs.byteLength;
    return 'indices' in inputs ? inputs.indices.byteLength + (inputs.values?.byteLength ?? 0) : 0;
  });
  return bytes.reduce((sum, each) => sum + each, 0);
}

export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The smallest value that is at least as large as this part of them. */
export function quantile(values: Float64Array, part: number): number {
  const sorted = values.toSorted();
  return sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)] as number;
}
