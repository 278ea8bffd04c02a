/**
 * Layers, losses, metrics and optimizers are described by `{ kind, ...options }`, where the kind names the
 * factory.
 */
import { GradloomError } from './errors.ts';
import { type FieldTable, formatValue, listOf, readOptions, suggest } from './options.ts';

/** The factories of one folder by the kind of what they make. */
export type Factories<Made> = Readonly<Record<string, (options: never) => Made>>;

/** Checks a factory's options and freezes the description; options that stand for nothing are left out. */
export function describe(
  operation: string,
  kind: string,
  given: object | undefined,
  table: FieldTable,
): object {
  const options = Object.entries(readOptions(operation, given, table));
  return Object.freeze({ kind, ...Object.fromEntries(options.filter(([, value]) => value !== undefined)) });
}

/**
 * Makes something from its description, or from its bare kind. What users write by hand and what model files
 * hold comes in this way, so both meet the factory's own checks. In errors `name` says where the description
 * stood.
 */
export function makeFrom<Made>(
  operation: string,
  name: string,
  given: unknown,
  factories: Factories<Made>,
): Made {
  const { kind, ...options } = readDescription(operation, name, given, factories);
  const factory = Object.hasOwn(factories, kind) ? factories[kind] : undefined;
  if (factory === undefined) {
    const hint = suggest(kind, Object.keys(factories));
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${name} has the unknown kind ${formatValue(kind)}; ${hint}`,
    );
  }
  return (factory as (options: object) => Made)(options);
}

function readDescription(
  operation: string,
  name: string,
  given: unknown,
  factories: Factories<unknown>,
): { readonly kind: string } {
  if (typeof given === 'string') return { kind: given };
  if (typeof given === 'object' && given !== null && 'kind' in given && typeof given.kind === 'string') {
    return given as { readonly kind: string };
  }
  const uncalled = Object.keys(factories).find((kind) => factories[kind] === given);
  const makers = Object.keys(factories).map((kind) => `${kind}(...)`);
  const text =
    uncalled === undefined
      ? `must be made by ${listOf(makers, 'or')}, got ${formatValue(given)}`
      : `is the function ${uncalled}; call it: ${uncalled}(...)`;
  throw new GradloomError('INVALID_OPTION', `${operation}: ${name} ${text}`);
}
