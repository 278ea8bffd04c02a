import type { GradloomErrorCode } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import type { NativeLossFunction, Spec } from '../native/index.ts';

/** What a loss compares outputs with: a class index a sample, as many values as there are outputs, or what each of several heads has. */
export type LossLabelKind = 'class' | 'values' | 'targets';

/** What a loss has to know about a set of labels. */
export interface LabelsInfo {
  readonly labelKind: LossLabelKind;
  /** `[]` for classes. */
  readonly labelShape: Shape;
  /** Whether there are `sampleWeights`. */
  readonly isWeighted: boolean;
  /** The highest class among the labels but one, -1 where there is none or they are not classes. */
  readonly highestClass: (except?: number) => number;
  /** The first sample whose label is not accepted: a class alone, or a sample's values from `first` to before `end`. */
  readonly findWrong: (accepts: AcceptsLabel) => WrongLabel | undefined;
  /** Of several targets, each by its name. */
  readonly targets?: ReadonlyMap<string, LabelsInfo> | undefined;
}

export type AcceptsLabel = (labels: ArrayLike<number>, first: number, end: number) => boolean;

export interface WrongLabel {
  readonly place: number;
  readonly values: readonly number[];
}

/** Why labels cannot be compared with outputs. */
export interface LabelsProblem {
  readonly code: GradloomErrorCode;
  readonly text: string;
}

/** The calls of one run or evaluation. */
export interface LossCall {
  /** Never throws: it returns undefined, and `failure` says why. */
  readonly compute: NativeLossFunction;
  readonly failure: () => { readonly error: unknown } | undefined;
}

/** What a model's outputs say about classes. */
export interface Classes {
  /** One a sample; with several independent outputs, one an output. */
  readonly labels: Int32Array;
  /** In the shape of the outputs. */
  readonly probabilities: Float32Array;
}

/**
 * What a network is trained to make small: the mean over samples, each times its weight where a data set has
 * `sampleWeights`. `LabelKind` binds the data sets that a trainer with this loss
 * takes. The checks return what is wrong, or undefined.
 */
export abstract class Loss<LabelKind extends LossLabelKind = LossLabelKind> {
  abstract readonly kind: string;
  abstract readonly labelKinds: readonly LabelKind[];
  /** What the last layer's values mean under this loss. */
  abstract readonly outputs: 'classLogits' | 'binaryLogits' | 'margins' | 'logRates' | 'values';

  /** `ending` is the function that the network ends in, `'linear'` for none. */
  abstract checkOutput(outputShape: Shape, ending: string): string | undefined;

  /** The labels are of one of `labelKinds`. */
  abstract checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined;

  /** The loss as the native side and files read it: its kind and all options. */
  toSpec(): Spec {
    return { kind: this.kind };
  }

  /** For a loss that is computed here and not by the native side: what that calls in a run or an evaluation. */
  startCalls(): LossCall | undefined {
    return undefined;
  }

  /** Reads rows of `width` outputs; undefined where outputs are not about classes. */
  classify(_outputs: Float32Array, _width: number): Classes | undefined {
    return undefined;
  }
}

/** The remark on a network that ends in probabilities where a loss wants logits. */
export function checkEndsInLogits(kind: string, ending: string): string | undefined {
  if (ending !== 'softmax' && ending !== 'sigmoid') return undefined;
  return `${kind} takes logits, and the model ends in ${ending}; remove that activation (the loss and classify apply their own)`;
}

/** The remark on labels that are not as many values as there are outputs. */
export function checkValueLabels(
  kind: string,
  { labelShape }: LabelsInfo,
  outputShape: Shape,
): LabelsProblem | undefined {
  const labels = countOf(labelShape);
  const outputs = countOf(outputShape);
  if (labels === outputs) return undefined;
  const text = `${kind} compares each output with a value of its own, and the model gives ${outputs} a sample where the labels have ${labels}`;
  return { code: 'SHAPE_MISMATCH', text };
}

/** The remark on labels that are neither values, one an output, nor classes 0 and 1 for a single output. */
export function checkBinaryLabels(
  kind: string,
  labels: LabelsInfo,
  outputShape: Shape,
): LabelsProblem | undefined {
  if (labels.labelKind === 'values') return checkValueLabels(kind, labels, outputShape);
  if (outputShape.length !== 1 || outputShape[0] !== 1) {
    const text = `${kind} with class labels needs a model with one output, and this one gives ${formatShape(outputShape)}; for several classes use softmaxCrossEntropy`;
    return { code: 'SHAPE_MISMATCH', text };
  }
  const wrong = labels.findWrong((classes, at) => (classes[at] as number) <= 1);
  if (wrong === undefined) return undefined;
  const text = `${kind} tells class 0 from class 1, and sample ${wrong.place} has class ${wrong.values[0]}; use softmaxCrossEntropy`;
  return { code: 'LABEL_OUT_OF_RANGE', text };
}

/** The remark on a label with a value that is not accepted; `expected` completes "hinge takes ...". */
export function checkEachValue(
  kind: string,
  { labelKind, findWrong }: LabelsInfo,
  expected: string,
  accepts: (value: number) => boolean,
): LabelsProblem | undefined {
  if (labelKind !== 'values') return undefined;
  const wrong = findWrong((labels, first, end) => {
    for (let i = first; i < end; i++) if (!accepts(labels[i] as number)) return false;
    return true;
  });
  if (wrong === undefined) return undefined;
  const index = wrong.values.findIndex((value) => !accepts(value));
  const which = wrong.values.length === 1 ? '' : ` as value ${index}`;
  const text = `${kind} takes ${expected}, and sample ${wrong.place} has ${formatFloat(wrong.values[index] as number)}${which}`;
  return { code: 'LABEL_OUT_OF_RANGE', text };
}

/** A float32 as it was most likely written: 1.1, not 1.100000023841858. */
export function formatFloat(value: number): string {
  return String(Number(value.toPrecision(7)));
}

/** A loss that compares each output with a value of its own. */
export abstract class ValueLoss extends Loss<'values'> {
  readonly labelKinds = ['values'] as const;
  readonly outputs: Loss['outputs'] = 'values';

  checkOutput(): undefined {
    return undefined;
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    return checkValueLabels(this.kind, labels, outputShape);
  }
}

/** A loss whose outputs are margins: a sample is of one class above 0 and of the other below. */
export abstract class MarginLoss extends Loss<'class' | 'values'> {
  readonly labelKinds = ['class', 'values'] as const;
  readonly outputs = 'margins';

  checkOutput(_outputShape: Shape, ending: string): string | undefined {
    if (ending !== 'softmax' && ending !== 'sigmoid') return undefined;
    return `${this.kind} takes margins on both sides of 0, and the model ends in ${ending}; remove that activation`;
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    return (
      checkBinaryLabels(this.kind, labels, outputShape) ??
      checkEachValue(
        this.kind,
        labels,
        'values of -1 and 1 (or 0 and 1)',
        (value) => value === 1 || value === -1 || value === 0,
      )
    );
  }
}

function countOf(shape: Shape): number {
  return shape.reduce((count, extent) => count * extent, 1);
}
