import { formatShape, type Shape } from '../core/shape.ts';
import { type Classes, checkEndsInLogits, type LabelsInfo, type LabelsProblem, Loss } from './loss.ts';

/**
 * For one class of several: softmax and the negative logarithm of the labelled class's probability, in one.
 *
 * Outputs `[classes]`, logits; labels are class indices from 0. Per sample `log(sum(exp(z))) - z[label]`,
 * computed around the largest logit, so that it holds for logits of any size.
 */
export function softmaxCrossEntropy(): Loss<'class'> {
  return new SoftmaxCrossEntropy();
}

class SoftmaxCrossEntropy extends Loss<'class'> {
  readonly kind = 'softmaxCrossEntropy';
  readonly labelKinds = ['class'] as const;
  readonly outputs = 'classLogits';

  checkOutput(outputShape: Shape, ending: string): string | undefined {
    const [classes = 0] = outputShape;
    if (outputShape.length === 1 && classes >= 2) return checkEndsInLogits(this.kind, ending);
    return `${this.kind} needs one output a class, at least 2, and the model gives ${formatShape(outputShape)}; end it with dense({ units: <classes> })`;
  }

  checkLabels({ highestClass }: LabelsInfo, [classes = 0]: Shape): LabelsProblem | undefined {
    if (highestClass < classes) return undefined;
    const text = `the labels go up to class ${highestClass}, and the model has outputs for classes 0 to ${classes - 1}; end it with dense({ units: ${highestClass + 1} })`;
    return { code: 'LABEL_OUT_OF_RANGE', text };
  }

  override classify(outputs: Float32Array, width: number): Classes {
    const count = outputs.length / width;
    const labels = new Int32Array(count);
    const probabilities = new Float32Array(outputs.length);
    for (let row = 0; row < count; row++) {
      const logits = outputs.subarray(row * width, (row + 1) * width);
      labels[row] = indexOfMax(logits);
      probabilities.set(softmaxOf(logits), row * width);
    }
    return { labels, probabilities };
  }
}

function softmaxOf(logits: Float32Array): Float64Array {
  const max = logits[indexOfMax(logits)] as number;
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** Of equal values the first. */
function indexOfMax(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
