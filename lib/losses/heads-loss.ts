import { GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  listOf,
  nonNegative,
  readOptions,
  readValue,
  required,
  sampleShape,
  suggest,
  text,
} from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Spec } from '../native/index.ts';
import { CustomLoss, NamedLoss } from './custom-loss.ts';
import { type LabelsInfo, type LabelsProblem, Loss } from './loss.ts';

/** The loss of one of several heads. */
export interface HeadLoss {
  readonly name: string;
  readonly shape: Shape;
  readonly loss: Loss;
  /** What it counts in the sum. */
  readonly weight: number;
}

/** What a head is to its loss. */
export interface HeadOutput {
  readonly name: string;
  readonly shape: Shape;
  /** The function that it ends in, `'linear'` for none. */
  readonly ending: string;
}

/** Where a head's outputs and targets stand in those of all. */
export interface HeadPlace {
  readonly firstOutput: number;
  readonly firstTarget: number;
  /** Of all heads. */
  readonly targets: number;
}

/** How descriptions name it. */
export const HEADS = 'heads';

/** The losses of several heads, each times its weight, as one. */
export class HeadsLoss extends Loss<'targets'> {
  readonly kind: string = HEADS;
  readonly labelKinds = ['targets'] as const;
  readonly outputs = 'values';
  /** In the order of their columns. */
  readonly heads: readonly HeadLoss[];

  constructor(heads: readonly HeadLoss[]) {
    super();
    this.heads = Object.freeze([...heads]);
  }

  override toSpec(): Spec {
    const heads = this.heads.map(({ name, shape, loss, weight }) => {
      return { name, loss: loss.toSpec(), weight, shape, size: sizeOf(shape) };
    });
    return { kind: HEADS, heads };
  }

  placeOf(name: string): HeadPlace {
    let [firstOutput, targets] = [0, 0];
    let place = { firstOutput, firstTarget: targets };
    for (const { name: each, shape, loss } of this.heads) {
      if (each === name) place = { firstOutput, firstTarget: targets };
      firstOutput += sizeOf(shape);
      targets += takesClasses(loss) ? 1 : sizeOf(shape);
    }
    return { ...place, targets };
  }

  /** What labels of a head are, where their numbers could be either. */
  kindFor(name: string, guess: 'class' | 'values'): 'class' | 'values' {
    const head = this.heads.find((each) => each.name === name);
    return head === undefined ? guess : kindFor(head.loss, guess);
  }

  /** What is wrong with a head's loss is said when it is read, by `checkHead`. */
  checkOutput(): undefined {
    return undefined;
  }

  checkLabels({ targets = new Map() }: LabelsInfo): LabelsProblem | undefined {
    const names = this.heads.map(({ name }) => name);
    const unknown = [...targets.keys()].find((name) => !names.includes(name));
    if (unknown !== undefined) {
      const text = `target ${formatValue(unknown)} is of no head; ${suggest(unknown, names)}`;
      return { code: 'INVALID_DATA', text };
    }
    for (const { name, shape, loss } of this.heads) {
      const info = targets.get(name);
      if (info === undefined) {
        const text = `target "${name}" is missing; each of the heads ${listOf(names.map(formatValue))} has one`;
        return { code: 'INVALID_DATA', text };
      }
      if (!loss.labelKinds.includes(info.labelKind)) {
        const kinds = listOf(loss.labelKinds.map(formatValue), 'or');
        const text = `target "${name}" is of kind ${formatValue(info.labelKind)}, and ${loss.kind} takes ${kinds}`;
        return { code: 'INVALID_DATA', text };
      }
      const problem = loss.checkLabels(info, shape);
      if (problem !== undefined) return { ...problem, text: `target "${name}": ${problem.text}` };
    }
    return undefined;
  }
}

/** The kind of labels that a loss takes, the guess if it does. */
export function kindFor({ labelKinds }: Loss, guess: 'class' | 'values'): 'class' | 'values' {
  return labelKinds.includes(guess) ? guess : (labelKinds[0] as 'class' | 'values');
}

/** Whether targets are a class each; sigmoid and hinge take classes 0 and 1 as the one value that they compare. */
export function takesClasses({ labelKinds }: Loss): boolean {
  return labelKinds.includes('class') && !labelKinds.includes('values');
}

/** An object with an entry a head, checked. */
export function readByHead(
  operation: string,
  name: string,
  given: unknown,
  heads: readonly HeadOutput[],
): Readonly<Record<string, unknown>> {
  const names = heads.map((head) => head.name);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(
      operation,
      `${name} must be an object by the names of the heads ${listOf(names.map(formatValue))}, got ${formatValue(given)}`,
    );
  }
  const unknown = Object.keys(given).find((key) => !names.includes(key));
  if (unknown === undefined) return given as Readonly<Record<string, unknown>>;
  throw invalid(operation, `${name}: there is no head ${formatValue(unknown)}; ${suggest(unknown, names)}`);
}

/** Puts the losses of heads together; `make` reads one. */
export function makeHeadsLoss(
  operation: string,
  heads: readonly HeadOutput[],
  given: { readonly losses: unknown; readonly weights: unknown },
  make: (given: unknown) => Loss,
): HeadsLoss {
  const losses = readByHead(operation, 'loss', given.losses, heads);
  const weights = readByHead(operation, 'lossWeights', given.weights ?? {}, heads);
  return new HeadsLoss(
    heads.map((head) => {
      const { name, shape } = head;
      if (losses[name] === undefined) throw invalid(operation, `loss: head "${name}" has no loss`);
      const loss = make(losses[name]);
      checkHead(operation, head, loss);
      const weight = weights[name] === undefined ? 1 : weights[name];
      return { name, shape, loss, weight: readValue(operation, `lossWeights.${name}`, weight, nonNegative) };
    }),
  );
}

function checkHead(operation: string, { name, shape, ending }: HeadOutput, loss: Loss): void {
  const problem = loss.checkOutput(shape, ending);
  if (problem !== undefined) throw invalid(operation, `head "${name}": ${problem}`);
  if (loss instanceof CustomLoss || loss instanceof NamedLoss) {
    throw invalid(operation, `head "${name}": a custom loss is for models of one output; choose another`);
  }
  const { classWeights, ignoreIndex } = loss.toSpec() as Readonly<Record<string, unknown>>;
  if (classWeights === undefined && ignoreIndex === undefined) return;
  const option = classWeights === undefined ? 'ignoreIndex' : 'classWeights';
  throw invalid(
    operation,
    `head "${name}": ${loss.kind} has ${option}, which changes what a loss is divided by; of several heads each is a mean over all samples, so leave it out`,
  );
}

const SPEC = { kind: required(text), heads: required(anything('a list of heads')) };
const HEAD = {
  name: required(text),
  shape: required(sampleShape),
  loss: required(anything('a loss')),
  weight: required(nonNegative),
  size: required(extent),
};

/** Reads one from a file; `make` reads a head's loss. */
export function readHeadsLoss(operation: string, given: object, make: (given: unknown) => Loss): HeadsLoss {
  const { heads } = readOptions(operation, given, SPEC);
  if (!Array.isArray(heads)) throw invalid(operation, `heads must be a list, got ${formatValue(heads)}`);
  return new HeadsLoss(
    heads.map((head: unknown, place) => {
      const { loss, size: _, ...rest } = readOptions(`${operation}: heads[${place}]`, head as object, HEAD);
      return { ...rest, loss: make(loss) };
    }),
  );
}

function invalid(operation: string, text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
}
