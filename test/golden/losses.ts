import type { Spec } from '../../lib/native.ts';
import { native } from '../../lib/native.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

/** What one value of the loss is taken over: a whole sample, or each of its outputs. */
type Term = 'sample' | 'output';

/**
 * Gradloom's losses are means. A sum is the mean times the number of terms, and a loss that is not reduced is that of one
 * term at a time. Weights, label smoothing and ignored classes it does not have.
 */
export function compareLoss(loss: Spec, term: Term): (golden: GoldenCase) => Comparison[] | undefined {
  return (golden) => {
    const { reduction, ...rest } = golden.attrs;
    if (Object.keys(rest).length > 0 || String(golden.inputs) !== 'x,target') return undefined;
    const [samples = 0, outputs = 0] = golden.tensor('x').shape;
    const terms = term === 'sample' ? samples : samples * outputs;
    const parts = reduction === 'none' ? terms : 1;
    const { values, gradient } = lossOfParts(loss, golden, {
      parts,
      outputs: reduction === 'none' && term === 'output' ? 1 : outputs,
      factor: reduction === 'sum' ? terms : 1,
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

/** The loss of each of so many equal parts of a batch, times the factor, and their gradients times `gy`. */
function lossOfParts(
  loss: Spec,
  golden: GoldenCase,
  { parts, outputs, factor }: { readonly parts: number; readonly outputs: number; readonly factor: number },
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
    const result = native.computeLoss(loss, slice(x), [outputs], slice(target));
    values.push(result.value * factor);
    for (const value of result.gradient) gradient.push(value * factor * (above[part] as number));
  }
  return { values, gradient };
}
