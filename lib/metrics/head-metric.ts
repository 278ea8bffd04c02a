import { type Shape, sizeOf } from '../core/shape.ts';
import { type HeadLoss, type HeadsLoss, takesClasses } from '../losses/heads-loss.ts';
import type { Loss } from '../losses/loss.ts';
import type { NativeFigure, NativeSamplesSeen, Spec } from '../native/index.ts';
import { type Figure, Metric } from './metric.ts';

/** How descriptions name it. */
export const HEAD = 'head';

/** A metric of one of several heads, called `head_metric`. */
export class HeadMetric extends Metric {
  readonly kind: string;
  override readonly better: Metric['better'];
  override readonly form: Metric['form'];
  readonly #head: HeadLoss;
  readonly #metric: Metric;
  readonly #loss: HeadsLoss;

  constructor(loss: HeadsLoss, head: HeadLoss, metric: Metric) {
    super();
    this.kind = `${head.name}_${metric.kind}`;
    this.better = metric.better;
    this.form = metric.form;
    this.#head = head;
    this.#metric = metric;
    this.#loss = loss;
  }

  /** The metric was checked beside its head's loss. */
  checkLoss(): undefined {
    return undefined;
  }

  override toSpec(): Spec {
    const { name, loss, shape } = this.#head;
    const metric = this.#metric.toSpec(loss, shape);
    const place = this.#loss.placeOf(name);
    return { kind: HEAD, head: name, metric, classes: takesClasses(loss), outputs: sizeOf(shape), ...place };
  }

  override read(figure: NativeFigure, { count, outputs, labels }: NativeSamplesSeen): Figure {
    const { name, loss, shape } = this.#head;
    if (count === 0) return this.#metric.read(figure, { count, outputs, labels });
    const { firstOutput, firstTarget } = this.#loss.placeOf(name);
    const own = columnsOf(labels, count, firstTarget, takesClasses(loss) ? 1 : sizeOf(shape));
    return this.#metric.read(figure, {
      count,
      outputs: columnsOf(outputs, count, firstOutput, sizeOf(shape)),
      labels: takesClasses(loss) ? Int32Array.from(own) : own,
    });
  }
}

/** A head's own loss, which the native side gives behind the metrics. */
export class HeadLossFigure extends Metric {
  readonly kind: string;
  override readonly better = 'lower';

  constructor(head: string) {
    super();
    this.kind = `${head}_loss`;
  }

  checkLoss(_loss: Loss, _outputShape: Shape): undefined {
    return undefined;
  }
}

/** Some columns of rows that are `rows.length / count` wide, one row after another. */
export function columnsOf(
  rows: ArrayLike<number>,
  count: number,
  first: number,
  size: number,
): Float32Array<ArrayBuffer> {
  const width = rows.length / count;
  const columns = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < size; i++) columns[row * size + i] = rows[row * width + first + i] as number;
  }
  return columns;
}
