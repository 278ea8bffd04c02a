/** Predictions: one sample at a time on the calling thread, and many by `predict`. */

import { type StepTiming, timeCalls, timeSteps } from '../timing/steps.ts';
import { SEQUENTIAL_WORKLOADS } from '../workloads/named.ts';
import { buildModel } from '../workloads/spec.ts';
import type { SequentialWorkload } from '../workloads/workload.ts';

/** The net of a training workload, and how many samples a call. */
interface Inference {
  readonly name: string;
  readonly net: string;
  readonly count: number;
}

const NETS = { mlp: 'mlp', cifar: 'cifar-cnn-b32', vgg: 'vgg-small' } as const;

const INFERENCES: readonly Inference[] = [
  inference('mlp', 1),
  inference('cifar', 1),
  inference('vgg', 1),
  inference('cifar', 128),
  inference('vgg', 64),
];

/** From so many samples on a call is asynchronous. */
const MANY = 16;

function inference(net: keyof typeof NETS, count: number): Inference {
  return { name: `infer-${net}-b${count}`, net: NETS[net], count };
}

export const INFER_WORKLOADS: readonly string[] = INFERENCES.map(({ name }) => name);

export interface InferTiming extends StepTiming {
  readonly samples: number;
  /** Of a call. */
  readonly flops: number;
  /** How it is made. */
  readonly call: string;
}

export async function timeInference(
  name: string,
  { threads, windowSeconds }: { readonly threads: number; readonly windowSeconds: number },
): Promise<InferTiming> {
  const { net, count } = INFERENCES.find((workload) => workload.name === name) as Inference;
  const model = buildModel(SEQUENTIAL_WORKLOADS.find(({ name }) => name === net) as SequentialWorkload);
  const size = model.inputShape.reduce((product, extent) => product * extent, count);
  const samples = Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * i));
  const settings = { batchSize: count, threads };
  const { layers } = model.plan({ ...settings, mode: 'predict' });
  const flops = layers.reduce((sum, layer) => sum + layer.flops, 0);
  if (count < MANY) {
    const timing = timeSteps(() => model.predictSync(samples, settings), windowSeconds);
    return { ...timing, samples: count, flops, call: 'predictSync' };
  }
  const timing = await timeCalls(() => model.predict(samples, settings), windowSeconds);
  return { ...timing, samples: count, flops, call: 'predict' };
}
