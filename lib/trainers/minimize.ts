/** Optimizers on functions of a user's, without a model. */
import { callNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  listOf,
  nonNegative,
  optional,
  type Rule,
  readOptions,
  readValue,
  required,
  threads,
  withDefault,
} from '../core/options.ts';
import { type NativeUpdater, native } from '../native/index.ts';
import { treatParameters } from '../optimizers/groups.ts';
import { makeOptimizer } from '../optimizers/make-optimizer.ts';
import { type Optimizer, toNativeOptimizer } from '../optimizers/optimizer.ts';
import { toSchedule } from '../schedules/learning-rate.ts';
import { ratesOf } from '../schedules/schedule.ts';
import { type ClipGradients, clipGradients } from './step/clip-gradients.ts';

/** A vector, or values in row-major order with their shape. */
export type ParameterStart =
  | ArrayLike<number>
  | { readonly data: ArrayLike<number>; readonly shape: readonly number[] };

/** A value and its gradient at the parameters, each gradient as long as its parameter. */
export interface FunctionValue<Name extends string> {
  readonly value: number;
  readonly gradient: Readonly<Record<Name, ArrayLike<number>>>;
}

export interface FunctionOptimizerOptions {
  /** Such as `adagrad({ learningRate: 0.5 })`. */
  readonly optimizer: Optimizer;
  /** Cuts gradients back before the update. Default: not. */
  readonly clipGradients?: ClipGradients | undefined;
  /** 0: all that affinity and quota allow; small parameters take one. Default: 0. */
  readonly threads?: number;
}

const OPTIONS = {
  optimizer: required(anything('an optimizer such as adagrad()')),
  clipGradients: optional(clipGradients),
  threads: withDefault(threads, 0),
};

/**
 * An optimizer with named parameters, moved step by step along gradients that you compute: what `Trainer` does for
 * models, with the same native updates.
 *
 * Throws `INVALID_OPTION` and `SHAPE_MISMATCH` for what does not fit, and `NOT_FINITE` for a gradient that is not
 * finite; the parameters are then as they were.
 *
 * @example
 * const x = new FunctionOptimizer({ x: [5, -3] }, { optimizer: adagrad({ learningRate: 0.5 }) });
 * for (let i = 0; i < 1000; i++) x.step({ x: x.parameters.x.map((value) => 2 * value) });
 */
export class FunctionOptimizer<Name extends string> {
  /** The parameters as they are; `step` changes their values in place. */
  readonly parameters: Readonly<Record<Name, Float32Array>>;
  readonly #names: readonly Name[];
  readonly #shapes: readonly (readonly number[])[];
  readonly #optimizer: Optimizer;
  readonly #native: NativeUpdater;
  #steps = 0;

  constructor(initial: Readonly<Record<Name, ParameterStart>>, options: FunctionOptimizerOptions) {
    const { optimizer, ...settings } = readOptions('FunctionOptimizer', options, OPTIONS);
    if (typeof initial !== 'object' || initial === null || Object.keys(initial).length === 0) {
      throw new GradloomError(
        'INVALID_OPTION',
        `FunctionOptimizer: parameters must be an object of arrays such as { x: [5, -3] }, got ${formatValue(initial)}`,
      );
    }
    this.#names = Object.keys(initial) as Name[];
    const starts = this.#names.map((name) => readStart(name, initial[name]));
    this.#shapes = starts.map(({ shape }) => shape);
    this.parameters = Object.freeze(
      Object.fromEntries(this.#names.map((name, place) => [name, starts[place]?.data])),
    ) as Readonly<Record<Name, Float32Array>>;
    this.#optimizer = makeOptimizer('FunctionOptimizer', optimizer);
    const { kind, duplicates = 'sum' } = this.#optimizer;
    if (duplicates !== 'sum') {
      throw new GradloomError(
        'INVALID_OPTION',
        `FunctionOptimizer: ${kind} has duplicates '${duplicates}', which is about rows of a model's tables; leave it out`,
      );
    }
    const spec = {
      ...settings,
      optimizer: toNativeOptimizer(this.#optimizer),
      parameters: treatParameters('FunctionOptimizer', this.#optimizer, this.#names),
      shapes: this.#shapes,
      nonFinite: 'stop' as const,
    };
    this.#native = callNative(() => new native.Updater(spec));
  }

  /** Steps done. */
  get steps(): number {
    return this.#steps;
  }

  /** One update by the gradients at the parameters as they are. */
  step(gradients: Readonly<Record<Name, ArrayLike<number>>>): void {
    readValue('step', 'gradients', gradients, named);
    const unknown = Object.keys(gradients).find((name) => !Object.hasOwn(this.parameters, name));
    if (unknown !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `step: there is no parameter ${formatValue(unknown)}; there are ${listOf(this.#names)}`,
      );
    }
    const values = this.#names.map((name) => {
      const { length } = this.parameters[name];
      const gradient: unknown = gradients[name];
      if (isNumbers(gradient) && gradient.length === length) return Float32Array.from(gradient);
      const got = isNumbers(gradient) ? `${gradient.length} values` : formatValue(gradient);
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `step: the gradient of ${formatValue(name)} must have ${length} values as the parameter, got ${got}`,
      );
    });
    const bad = this.#names.find((_, place) => !values[place]?.every(Number.isFinite));
    if (bad !== undefined) {
      throw new GradloomError(
        'NOT_FINITE',
        `step: the gradient of ${formatValue(bad)} is not finite at step ${this.#steps + 1}; nothing was changed`,
      );
    }
    const parameters = this.#names.map((name) => this.parameters[name]);
    const rate = this.#learningRate();
    callNative(() => this.#native.step(parameters, values, rate));
    this.#steps++;
  }

  /** Copies of what the optimizer keeps, such as `x.accumulator`; shapes are the states' own. */
  getState(): Readonly<Record<string, Float32Array>> {
    const { stateNames } = this.#native;
    const states = callNative(() => this.#native.getState());
    return Object.fromEntries(
      this.#names.flatMap((name, place) =>
        (states[place] ?? []).map((data, state) => [`${name}.${stateNames[state]}`, data]),
      ),
    );
  }

  /**
   * What the optimizer would multiply small gradients with in its next step, one a value: for AdaGrad
   * `learningRate / (sqrt(s) + epsilon)`.
   */
  getEffectiveLearningRates(): Readonly<Record<Name, Float32Array>> {
    const rates = callNative(() => this.#native.effectiveRates(this.#learningRate()));
    return Object.fromEntries(this.#names.map((name, place) => [name, rates[place]])) as Record<
      Name,
      Float32Array
    >;
  }

  #learningRate(): number {
    return ratesOf(toSchedule(this.#optimizer.learningRate), this.#steps, 1)[0] as number;
  }
}

function isNumbers(given: unknown): given is ArrayLike<number> {
  return (
    (Array.isArray(given) && [...given].every((value) => typeof value === 'number')) ||
    given instanceof Float32Array ||
    given instanceof Float64Array ||
    given instanceof Int32Array
  );
}

function readStart(
  name: string,
  given: unknown,
): { readonly data: Float32Array; readonly shape: readonly number[] } {
  const shaped = typeof given === 'object' && given !== null && 'data' in given && 'shape' in given;
  const { data, shape } = shaped
    ? (given as { readonly data: unknown; readonly shape: unknown })
    : { data: given, shape: undefined };
  if (!isNumbers(data) || data.length === 0 || !Float32Array.from(data).every(Number.isFinite)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `FunctionOptimizer: parameter ${formatValue(name)} must be a list of finite numbers, or { data, shape }, got ${formatValue(given)}`,
    );
  }
  const values = Float32Array.from(data);
  if (shape === undefined) return { data: values, shape: [values.length] };
  const isShape =
    Array.isArray(shape) && shape.length > 0 && shape.every((value) => extent.read(value) !== undefined);
  const size = isShape ? (shape as number[]).reduce((product, value) => product * value, 1) : Number.NaN;
  if (size !== values.length) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `FunctionOptimizer: parameter ${formatValue(name)} has ${values.length} values, which its shape ${formatValue(shape)} does not hold`,
    );
  }
  return { data: values, shape: Object.freeze([...(shape as number[])]) };
}

export interface MinimizeOptions<Name extends string> extends FunctionOptimizerOptions {
  /** The most steps. */
  readonly steps: number;
  /** Ends when no element of a gradient is larger. Default: 0, which only a gradient of zeros is. */
  readonly gradientTolerance?: number;
  /** Called after every step; `false` ends the search. */
  readonly onStep?: ((step: MinimizeStep<Name>) => unknown) | undefined;
}

export interface MinimizeStep<Name extends string> extends FunctionValue<Name> {
  /** Steps done; `value` and `gradient` are those before the last one. */
  readonly step: number;
  readonly optimizer: FunctionOptimizer<Name>;
}

export interface Minimum<Name extends string> {
  readonly parameters: Readonly<Record<Name, Float32Array>>;
  /** At `parameters`. */
  readonly value: number;
  /** The function's value before each step, then at the end. */
  readonly values: readonly number[];
  readonly steps: number;
  readonly reason: 'steps' | 'gradient' | 'stopped';
}

const callable = guardedBy('a function', (given): given is never => typeof given === 'function');

const named = guardedBy(
  'an object of arrays such as { x: [0.5, 0.1] }',
  (given): given is never => typeof given === 'object' && given !== null,
);

const MINIMIZE_OPTIONS = {
  ...OPTIONS,
  steps: required(extent),
  gradientTolerance: withDefault(nonNegative, 0),
  onStep: optional(callable as Rule<(step: unknown) => unknown>),
};

/**
 * Looks for a minimum of a function, given as its value and gradient at named parameters, from `initial` on. The arrays
 * that the function gets are the optimizer's own: read them, or copy them to keep them.
 *
 * Throws `NOT_FINITE` for a value or gradient that is not finite, and what `FunctionOptimizer` throws.
 *
 * @example
 * const { parameters } = minimize(
 *   ({ x }) => ({ value: x[0] ** 2 + x[1] ** 2, gradient: { x: x.map((value) => 2 * value) } }),
 *   { x: [5, -3] },
 *   { optimizer: adagrad({ learningRate: 0.5 }), steps: 1000 },
 * );
 */
export function minimize<Name extends string>(
  compute: (parameters: Readonly<Record<Name, Float32Array>>) => FunctionValue<Name>,
  initial: Readonly<Record<Name, ParameterStart>>,
  options: MinimizeOptions<Name>,
): Minimum<Name> {
  const { steps, gradientTolerance, onStep, ...rest } = readOptions('minimize', options, MINIMIZE_OPTIONS);
  readValue('minimize', 'compute', compute, callable);
  const optimizer = new FunctionOptimizer(initial, rest as FunctionOptimizerOptions);
  const values: number[] = [];
  const evaluate = (): FunctionValue<Name> => {
    const result = compute(optimizer.parameters);
    const value: unknown = result?.value;
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new GradloomError(
        'NOT_FINITE',
        `minimize: the function must give a finite value, got ${formatValue(value)} at step ${optimizer.steps + 1}`,
      );
    }
    values.push(value);
    return result;
  };
  let reason: Minimum<Name>['reason'] = 'steps';
  while (optimizer.steps < steps) {
    const at = evaluate();
    const largest = Math.max(...Object.values<ArrayLike<number>>(at.gradient ?? {}).map(largestOf));
    if (largest <= gradientTolerance) {
      values.pop();
      reason = 'gradient';
      break;
    }
    optimizer.step(at.gradient ?? {});
    if (onStep?.({ ...at, step: optimizer.steps, optimizer }) === false) {
      reason = 'stopped';
      break;
    }
  }
  const { value } = evaluate();
  return { parameters: optimizer.parameters, value, values, steps: optimizer.steps, reason };
}

function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] as number);
    if (!(size <= largest)) largest = size;
  }
  return largest;
}
