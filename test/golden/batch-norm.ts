import { batchNorm } from '../../lib/layers/index.ts';
import type { Layer } from '../../lib/layers/layer.ts';
import { native } from '../../lib/native/index.ts';
import { floatsOf, type GoldenCase, type GoldenTensor } from './fixtures.ts';
import { sampleShapeOf, toChannelsFirst, toChannelsLast } from './layout.ts';
import { plainSamples } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

interface Attributes {
  readonly momentum: number;
  readonly eps: number;
  readonly training: boolean;
}

/** The fixtures' names of the parameters, in Gradloom's order, and of what comes out for each. */
const STATISTICS = { running_mean: 'running_mean_after', running_var: 'running_var_after' };
const AFFINE = { weight: 'grad.weight', bias: 'grad.bias' };

/** A case that is not training is torch's eval mode: predicting, and a backward pass through the running statistics. */
export function compareBatchNorm(golden: GoldenCase): Comparison[] {
  const { momentum, eps, training } = golden.attrs as unknown as Attributes;
  const affine = (golden.inputs ?? []).includes('weight');
  const names = { ...(affine ? AFFINE : {}), ...STATISTICS };
  const layer = batchNorm({
    momentum,
    epsilon: eps,
    scale: affine,
    shift: affine,
    statistics: training ? 'batch' : 'running',
  });
  const x = golden.tensor('x');
  const model = modelOf(layer, x);
  model.setParameters(Object.keys(names).map((name) => floatsOf(golden.tensor(name))));
  const compare = (tensor: string, got: Float32Array): Comparison => ({
    tensor,
    got: tensor === 'y' || tensor === 'grad.x' ? fromOurs(got, x) : got,
    ref: golden.tensor(tensor).data,
    tolerance: TOLERANCES.normalization,
  });
  const result = model.differentiate(
    plainSamples(toOurs(x), x.shape[0] as number),
    toOurs(golden.tensor('gy')),
    {
      threads: 0,
      seed: 0,
      step: 1,
    },
  );
  // Running statistics that a backward pass leaves alone are those of the model.
  const after = Object.values(names).map((tensor, place) => {
    const kept = !training && tensor.endsWith('_after');
    return compare(tensor, (kept ? model.getParameters() : result.parameterGradients)[place] as Float32Array);
  });
  const predicted = training ? [] : [compare('y', predict(layer, golden, Object.keys(names)))];
  return [compare('y', result.output), compare('grad.x', result.inputGradient), ...after, ...predicted];
}

/** What a layer that trains by the statistics of batches gives when it predicts. */
function predict(layer: Layer, golden: GoldenCase, names: readonly string[]): Float32Array {
  const x = golden.tensor('x');
  const model = modelOf({ ...layer, statistics: 'batch' }, x);
  model.setParameters(names.map((name) => floatsOf(golden.tensor(name))));
  const samples = {
    inputs: toOurs(x),
    count: x.shape[0] as number,
    scale: new Float32Array([1]),
    shift: new Float32Array([0]),
  };
  return model.predictSync(samples, { batchSize: 3, threads: 0 });
}

function modelOf(layer: Layer, x: GoldenTensor) {
  const inputShape = x.shape.length === 4 ? sampleShapeOf(x) : x.shape.slice(1);
  return new native.Model({ inputShape, seed: 0, layers: [{ ...layer, name: 'layer' }] });
}

const toOurs = (tensor: GoldenTensor) =>
  tensor.shape.length === 4 ? toChannelsLast(tensor) : floatsOf(tensor);

const fromOurs = (data: Float32Array, { shape }: GoldenTensor) =>
  shape.length === 4 ? toChannelsFirst(data, shape) : data;
