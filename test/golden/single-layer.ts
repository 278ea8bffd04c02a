import { sizeOf } from '../../lib/core/shape.ts';
import type { Layer } from '../../lib/layers/layer.ts';
import {
  type NativeColumn,
  type NativeDifferentiation,
  type NativeSamples,
  native,
} from '../../lib/native/index.ts';

interface Inputs {
  /** Shape of one sample. */
  readonly inputShape: readonly number[];
  /** Floats, or samples that are no floats. */
  readonly x: Float32Array | NativeSamples;
  /** The gradient that arrives from above. */
  readonly outputGradient: Float32Array;
  readonly parameters?: readonly Float32Array[];
}

/** Samples as they are, for the native side. */
export function plainSamples(inputs: NativeColumn['inputs'], count: number): NativeSamples {
  return { inputs, count, scale: Float32Array.of(1), shift: Float32Array.of(0) };
}

/** Forward and backward of a model of one layer. */
export function differentiate(layer: Layer, inputs: Inputs): NativeDifferentiation {
  const { inputShape, x, outputGradient, parameters = [] } = inputs;
  const model = new native.Model({ inputShape, seed: 0, layers: [{ ...layer, name: 'layer' }] });
  model.setParameters(parameters);
  const samples = x instanceof Float32Array ? plainSamples(x, x.length / sizeOf(inputShape)) : x;
  return model.differentiate(samples, outputGradient, { threads: 0, seed: 0, step: 1 });
}
