/** Other optimizers for some of a model's parameters. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, listOf, suggest } from '../core/options.ts';
import type { Spec } from '../native/index.ts';
import { matchesPattern, type ParameterTreatment, treatParameters } from './groups.ts';
import { makeOptimizer } from './make-optimizer.ts';
import { type Optimizer, toNativeOptimizer } from './optimizer.ts';

/** By the name of a layer, `wide`, or a pattern of names of parameters, `*.bias`. */
export type Optimizers = Readonly<Record<string, Optimizer>>;

/** Reads what a user or a file gives. */
export function makeOptimizers(operation: string, given: unknown): Optimizers {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw fail(
      operation,
      `must be an object of optimizers by layers, such as { wide: ftrl() }, got ${formatValue(given)}`,
    );
  }
  const entries = Object.entries(given).map(([pattern, value]) => {
    const optimizer = makeOptimizer(`${operation}: optimizers: ${pattern}`, value);
    if (typeof optimizer.learningRate === 'number') return [pattern, optimizer] as const;
    throw fail(
      operation,
      `${pattern}: its learningRate must be a number, which it keeps; schedules are for optimizer, got ${formatValue(optimizer.learningRate)}`,
    );
  });
  return Object.freeze(Object.fromEntries(entries));
}

/** Whether one of the optimizers has a parameter. */
export function hasOther(others: Optimizers, parameter: string): boolean {
  return Object.keys(others).some((pattern) => names(pattern, parameter));
}

interface Assigned {
  readonly optimizer: Spec;
  readonly others: readonly Spec[];
  /** Undefined: all as the optimizer has it. */
  readonly parameters: readonly (ParameterTreatment & { readonly optimizer?: number })[] | undefined;
}

/**
 * Which optimizer has each parameter, and how it treats it. Throws `INVALID_OPTION` for a pattern that names no parameter, two
 * that name one, and others that leave nothing to the optimizer.
 */
export function assignParameters(
  operation: string,
  optimizer: Optimizer,
  others: Optimizers,
  parameters: readonly string[],
): Assigned {
  const given = toNativeOptimizer(optimizer);
  const patterns = Object.keys(others);
  if (patterns.length === 0) {
    return { optimizer: given, others: [], parameters: treatParameters(operation, optimizer, parameters) };
  }
  const places = parameters.map((parameter) => placeOf(operation, patterns, parameter) + 1);
  const idle = patterns.find((_, place) => !places.includes(place + 1));
  if (idle !== undefined) {
    const layers = [...new Set(parameters.map((name) => name.slice(0, name.indexOf('.'))))];
    throw fail(
      operation,
      `${formatValue(idle)} is no layer with weights and no pattern of their names; ${suggest(idle, layers)}`,
    );
  }
  if (!places.includes(0)) {
    throw fail(operation, 'have all parameters, and none is left for optimizer; make one of them that one');
  }
  const all = [optimizer, ...Object.values(others)];
  const treated = all.map((each, place) => {
    const own = parameters.filter((_, index) => places[index] === place);
    const treatments =
      treatParameters(operation, each, own) ??
      own.map(() => ({ learningRateMultiplier: 1, weightDecay: each.weightDecay ?? 0 }));
    return treatments[Symbol.iterator]();
  });
  return {
    optimizer: given,
    others: Object.values(others).map(toNativeOptimizer),
    parameters: places.map((place) => ({
      ...(treated[place]?.next().value as ParameterTreatment),
      optimizer: place,
    })),
  };
}

/** Of the pattern that names a parameter, -1 without one. */
function placeOf(operation: string, patterns: readonly string[], parameter: string): number {
  const found = patterns.filter((pattern) => names(pattern, parameter));
  if (found.length > 1) {
    throw fail(
      operation,
      `${listOf(found.map(formatValue))} both have ${formatValue(parameter)}; a parameter has one optimizer`,
    );
  }
  return patterns.indexOf(found[0] as string);
}

function names(pattern: string, parameter: string): boolean {
  return matchesPattern(pattern, parameter) || parameter.startsWith(`${pattern}.`);
}

function fail(operation: string, text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${operation}: optimizers ${text}`);
}
