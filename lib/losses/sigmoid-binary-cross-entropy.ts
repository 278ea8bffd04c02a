import { listThat, positive, type Rule, readOptions, withDefault } from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Spec } from '../native/index.ts';
import {
  type Classes,
  checkBinaryLabels,
  checkEachValue,
  checkEndsInLogits,
  type LabelsInfo,
  type LabelsProblem,
  Loss,
} from './loss.ts';

export interface SigmoidBinaryCrossEntropyOptions {
  /**
   * What a yes counts beside a no, above 0: one number, or one for each output. For rare answers, for instance
   * the number of noes over that of yeses. Default: 1.
   */
  readonly positiveWeight?: number | readonly number[];
}

const list = listThat('a list of them, one an output', positive);
const positiveWeight: Rule<number | readonly number[]> = {
  expected: `${positive.expected}, or ${list.expected}`,
  read: (given) => positive.read(given) ?? list.read(given),
};

const OPTIONS = { positiveWeight: withDefault(positiveWeight, 1) };

/**
 * For one or several independent yes-or-no questions: sigmoid and the negative logarithm of the right
 * answer's probability, in one.
 *
 * Outputs of any shape, logits; labels are classes 0 and 1 (one output), or values from 0 to 1, one an
 * output. Per value `max(z, 0) - z y + log(1 + exp(-|z|))`, averaged over a sample's outputs; with a positive
 * weight `P`, `(1 - y) z + (1 + (P - 1) y) (log(1 + exp(-|z|)) + max(-z, 0))`.
 *
 * Throws `INVALID_OPTION` for a weight that is not above 0.
 */
export function sigmoidBinaryCrossEntropy(
  options: SigmoidBinaryCrossEntropyOptions = {},
): Loss<'class' | 'values'> {
  const read = readOptions('sigmoidBinaryCrossEntropy', options, OPTIONS);
  return new SigmoidBinaryCrossEntropy(read.positiveWeight);
}

class SigmoidBinaryCrossEntropy extends Loss<'class' | 'values'> {
  readonly kind = 'sigmoidBinaryCrossEntropy';
  readonly labelKinds = ['class', 'values'] as const;
  readonly outputs = 'binaryLogits';
  readonly #positiveWeight: number | readonly number[];

  constructor(positiveWeight: number | readonly number[]) {
    super();
    this.#positiveWeight = positiveWeight;
  }

  override toSpec(): Spec {
    return { kind: this.kind, positiveWeight: this.#positiveWeight };
  }

  checkOutput(outputShape: Shape, ending: string): string | undefined {
    const weights = this.#positiveWeight;
    const outputs = sizeOf(outputShape);
    if (typeof weights !== 'number' && weights.length !== outputs) {
      return `${this.kind} has ${weights.length} values of positiveWeight, and the model ${outputs} outputs; give one an output, or one number for all`;
    }
    return checkEndsInLogits(this.kind, ending);
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    return (
      checkBinaryLabels(this.kind, labels, outputShape) ??
      checkEachValue(this.kind, labels, 'values from 0 to 1', (value) => value >= 0 && value <= 1)
    );
  }

  override classify(outputs: Float32Array): Classes {
    return {
      labels: Int32Array.from(outputs, (logit) => (logit > 0 ? 1 : 0)),
      probabilities: outputs.map((logit) => 1 / (1 + Math.exp(-logit))),
    };
  }
}
