import type { Loss } from '../../lib/losses/loss.ts';
import { native, type Spec } from '../../lib/native/index.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

/** What one value of the loss is taken over: a whole sample, or each of its outputs. */
type Term = 'sample' | 'output';

/**
 * Gradloom's losses are means. A sum is the mean times the number of terms, and a loss that is not reduced is that of one
 * term at a time. A weight for each output of each sample is one for each sample of a model with one output.
 */
export function compareLoss(
  makeLoss: (golden: GoldenCase) => Loss,
  term: Term,
): (golden: GoldenCase) => Comparison[] {
  return (golden) => {
    const { reduction } = golden.attrs;
    const [samples = 0, outputs = 1] = golden.tensor('x').shape;
    const weights = weightsOfOutputs(golden);
    const terms = term === 'sample' ? samples : samples * outputs;
    const parts = reduction === 'none' ? terms : 1;
    const isSplit = weights !== undefined || (reduction === 'none' && term === 'output');
    const { values, gradient } = lossOfParts(makeLoss(golden).toSpec(), golden, {
      parts,
      outputs: isSplit ? 1 : outputs,
      factor: reduction === 'sum' ? terms : 1,
      weights,
    });
    return [
      { tensor: 'y', got: values, ref: golden.tensor('y').data, tolerance: TOLERANCES.lossValue },
      {
        tensor: 'grad.x',
        got: gradient,
        ref: golden.tensor('grad.x').data,
        tolerance: TOLERANCES.lossGradient,
      },
    ];
  };
}

/** A tensor of options, as a list; undefined where the case has none. */
export function listFrom(golden: GoldenCase, name: string): number[] | undefined {
  return golden.inputs?.includes(name) ? [...golden.tensor(name).data] : undefined;
}

function weightsOfOutputs(golden: GoldenCase): Float32Array | undefined {
  if (!golden.inputs?.includes('weight')) return undefined;
  const weight = floatsOf(golden.tensor('weight'));
  return weight.length === golden.tensor('x').data.length ? weight : undefined;
}

interface Parts {
  readonly parts: number;
  readonly outputs: number;
  readonly factor: number;
  readonly weights: Float32Array | undefined;
}

/** The loss of each of so many equal parts of a batch, times the factor, and their gradients times `gy`. */
function lossOfParts(
  loss: Spec,
  golden: GoldenCase,
  { parts, outputs, factor, weights }: Parts,
): { readonly values: number[]; readonly gradient: number[] } {
  const x = floatsOf(golden.tensor('x'));
  const target = golden.tensor('target').data;
  const above = golden.tensor('gy').data;
  const values: number[] = [];
  const gradient: number[] = [];
  for (let part = 0; part < parts; part++) {
    const slice = <Data extends Float32Array | Int32Array>(data: Data) => {
      const size = data.length / parts;
      return data.slice(part * size, (part + 1) * size) as Data;
    };
    const result = native.computeLoss(loss, slice(x), [outputs], slice(target), weights);
    values.push(result.value * factor);
    for (const value of result.gradient) gradient.push(value * factor * (above[part] as number));
  }
  return { values, gradient };
}
