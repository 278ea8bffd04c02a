import { formatShape, type Shape } from '../core/shape.ts';
import {
  type Classes,
  checkEndsInLogits,
  checkValueLabels,
  type LabelsInfo,
  type LabelsProblem,
  Loss,
} from './loss.ts';

/**
 * For one or several independent yes-or-no questions: sigmoid and the negative logarithm of the right
 * answer's probability, in one.
 *
 * Outputs of any shape, logits; labels are classes 0 and 1 (one output), or values from 0 to 1, one an
 * output. Per value `max(z, 0) - z y + log(1 + exp(-|z|))`, averaged over a sample's outputs.
 */
export function sigmoidBinaryCrossEntropy(): Loss<'class' | 'values'> {
  return new SigmoidBinaryCrossEntropy();
}

class SigmoidBinaryCrossEntropy extends Loss<'class' | 'values'> {
  readonly kind = 'sigmoidBinaryCrossEntropy';
  readonly labelKinds = ['class', 'values'] as const;
  readonly outputs = 'binaryLogits';

  checkOutput(_outputShape: Shape, ending: string): string | undefined {
    return checkEndsInLogits(this.kind, ending);
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    if (labels.labelKind === 'values') return checkValueLabels(this.kind, labels, outputShape);
    if (outputShape.length !== 1 || outputShape[0] !== 1) {
      const text = `${this.kind} with class labels needs a model with one output, and this one gives ${formatShape(outputShape)}; for several classes use softmaxCrossEntropy`;
      return { code: 'SHAPE_MISMATCH', text };
    }
    if (labels.highestClass <= 1) return undefined;
    const text = `${this.kind} tells class 0 from class 1, and the labels go up to class ${labels.highestClass}; use softmaxCrossEntropy`;
    return { code: 'LABEL_OUT_OF_RANGE', text };
  }

  override classify(outputs: Float32Array): Classes {
    return {
      labels: Int32Array.from(outputs, (logit) => (logit > 0 ? 1 : 0)),
      probabilities: outputs.map((logit) => 1 / (1 + Math.exp(-logit))),
    };
  }
}
