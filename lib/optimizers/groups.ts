/** Parameters that an optimizer treats in another way than the rest. */
import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  listOf,
  nonNegative,
  optional,
  type Rule,
  readOptions,
  required,
} from '../core/options.ts';

export interface ParameterGroup {
  /**
   * Names of parameters, with `*` for any characters: `'dense_1.weight'`, `'*.bias'`, `['batchNorm_*', '*.bias']`.
   */
  readonly parameters: string | readonly string[];
  /** Times the learning rate. Default: 1. */
  readonly learningRateMultiplier?: number;
  /** In the place of the optimizer's. */
  readonly weightDecay?: number;
}

const names: Rule<readonly string[]> = {
  expected: 'a name such as "dense_1.weight", a pattern such as "*.bias", or a list of them',
  read: (given) => {
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    const accepted = list.length > 0 && [...list].every((name) => typeof name === 'string' && name !== '');
    return accepted ? Object.freeze([...(list as readonly string[])]) : undefined;
  },
};

const GROUP = {
  parameters: required(names),
  learningRateMultiplier: optional(nonNegative),
  weightDecay: optional(nonNegative),
};

/** A group with its names as a list. */
export interface NamedGroup extends ParameterGroup {
  readonly parameters: readonly string[];
}

export const parameterGroups: Rule<readonly NamedGroup[]> = {
  expected: "a list of groups such as [{ parameters: '*.bias', weightDecay: 0 }]",
  read: (given) => {
    if (!Array.isArray(given)) return undefined;
    return Object.freeze(
      [...given].map((group, place) => {
        const options = Object.entries(readOptions(`groups[${place}]`, group, GROUP));
        return Object.freeze(Object.fromEntries(options.filter(([, value]) => value !== undefined)));
      }) as unknown as NamedGroup[],
    );
  },
};

export interface ParameterTreatment {
  readonly learningRateMultiplier: number;
  readonly weightDecay: number;
}

/**
 * How each parameter is treated: as the optimizer has it, changed by every group that names it, in their order.
 * Undefined when there are no groups. Throws `INVALID_OPTION` for a pattern that names nothing.
 */
export function treatParameters(
  operation: string,
  { groups, weightDecay = 0 }: { readonly groups: readonly NamedGroup[]; readonly weightDecay?: number },
  parameters: readonly string[],
): readonly ParameterTreatment[] | undefined {
  if (groups.length === 0) return undefined;
  const treatments = parameters.map(() => ({ learningRateMultiplier: 1, weightDecay }));
  for (const { parameters: patterns, ...changes } of groups) {
    for (const pattern of patterns) {
      const matched = treatments.filter((_, place) => matchesPattern(pattern, parameters[place] as string));
      if (matched.length === 0) {
        throw new GradloomError(
          'INVALID_OPTION',
          `${operation}: a group of the optimizer names ${formatValue(pattern)}, but there is no such parameter; there are ${listOf(parameters)}`,
        );
      }
      for (const treatment of matched) Object.assign(treatment, changes);
    }
  }
  return treatments;
}

/** Whether a name is one that a pattern means, in which `*` stands for any characters. */
export function matchesPattern(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.split('*').map(escapeExpression).join('.*')}$`).test(name);
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
