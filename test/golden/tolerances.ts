/** How far from its reference each kind of result may be: the table of the fixtures' README, and nothing else. */

export type Tolerance =
  | { readonly measure: 'exact' }
  /** max|got - ref| <= limit * max|ref|, over the tensor. */
  | { readonly measure: 'scaled'; readonly limit: number }
  /** |got - ref| <= atol + rtol * |ref|, for each element. */
  | { readonly measure: 'elementwise'; readonly rtol: number; readonly atol: number };

const scaled = (limit: number): Tolerance => ({ measure: 'scaled', limit });
const elementwise = (rtol: number, atol: number): Tolerance => ({ measure: 'elementwise', rtol, atol });

export const TOLERANCES = {
  optimizerParameters: scaled(2e-6),
  adamWParameters: scaled(4e-6),
  optimizerState: scaled(2e-6),
  specOptimizer: scaled(5e-6),
  /** Schedules and clipping. */
  rates: elementwise(1e-6, 1e-9),
  /** Dense forward and backward; convolution's forward and input gradient. */
  product: scaled(2e-6),
  /** The long sums of a convolution's weight and bias gradients. */
  convolutionGradient: scaled(5e-6),
  activation: elementwise(2e-6, 1e-6),
  lossValue: elementwise(2e-6, 0),
  lossGradient: elementwise(1e-5, 1e-7),
  /** Batch and layer normalisation, forward and backward. */
  normalization: scaled(5e-6),
  /** Max pooling, flatten. */
  exact: { measure: 'exact' },
  /** Averages, and sums of a few gradients in pooling. */
  pooledSum: scaled(1e-6),
  trajectoryLoss: elementwise(2e-5, 0),
  trajectoryWeights: scaled(5e-5),
} as const satisfies Record<string, Tolerance>;

/** One tensor of a case beside its reference. */
export interface Comparison {
  readonly tensor: string;
  readonly got: ArrayLike<number>;
  readonly ref: ArrayLike<number>;
  readonly tolerance: Tolerance;
}

/** The element that is furthest off; `share` is its error as a part of what is allowed: at most 1 is within tolerance. */
export interface Deviation {
  readonly share: number;
  readonly index: number;
}

/** A result that is not a number, or of another length than its reference, is infinitely far off. */
export function deviationOf({ got, ref, tolerance }: Comparison): Deviation {
  if (got.length !== ref.length) return { share: Number.POSITIVE_INFINITY, index: 0 };
  const allowed = allowance(ref, tolerance);
  let worst = { share: 0, index: 0 };
  for (let index = 0; index < ref.length; index++) {
    const share = shareOf(got[index] as number, ref[index] as number, allowed);
    if (share > worst.share) worst = { share, index };
  }
  return worst;
}

function shareOf(got: number, ref: number, allowed: (ref: number) => number): number {
  if (got === ref) return 0;
  const share = Math.abs(got - ref) / allowed(ref);
  return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
}

function allowance(ref: ArrayLike<number>, tolerance: Tolerance): (ref: number) => number {
  if (tolerance.measure === 'exact') return () => 0;
  if (tolerance.measure === 'elementwise') {
    return (value) => tolerance.atol + tolerance.rtol * Math.abs(value);
  }
  const largest = Array.from(ref).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return () => tolerance.limit * largest;
}
