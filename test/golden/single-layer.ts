import type { Layer } from '../../lib/layers/layer.ts';
import { type NativeDifferentiation, native } from '../../lib/native.ts';

interface Inputs {
  /** Shape of one sample. */
  readonly inputShape: readonly number[];
  readonly x: Float32Array;
  /** The gradient that arrives from above. */
  readonly outputGradient: Float32Array;
  readonly parameters?: readonly Float32Array[];
}

/** Forward and backward of a model of one layer. */
export function differentiate(layer: Layer, inputs: Inputs): NativeDifferentiation {
  const { inputShape, x, outputGradient, parameters = [] } = inputs;
  const model = new native.Model({ inputShape, seed: 0, layers: [{ ...layer, name: 'layer' }] });
  model.setParameters(parameters);
  return model.differentiate(x, outputGradient, { threads: 0, seed: 0, step: 1 });
}
