/** How the values of a weight or bias start. */
import { nonNegative, numberThat, oneOf, type Rule } from '../core/options.ts';
import { type GivenSpec, type GivenValues, readGiven } from './given-values.ts';

const NAMES = [
  'glorotUniform',
  'glorotNormal',
  'heUniform',
  'heNormal',
  'lecunUniform',
  'lecunNormal',
  'zeros',
] as const;

/**
 * Random values are drawn from the model's seed, for a unit that reads `in` values and is read by `out` units:
 * - `'glorotUniform'`, `'glorotNormal'`: variance `2 / (in + out)`, for tanh and softmax (Glorot and Bengio 2010);
 * - `'heUniform'`, `'heNormal'`: variance `2 / in`, for relu and its kin (He et al. 2015);
 * - `'lecunUniform'`, `'lecunNormal'`: variance `1 / in` (LeCun et al. 1998);
 * - `'orthogonal'`, `{ kind: 'orthogonal', gain }`: the rows of the weight `[out, ...]`, or its columns if they are fewer,
 *   are orthonormal times `gain`, by default 1 (Saxe et al. 2014);
 * - `{ kind: 'truncatedNormal', standardDeviation }`: normal values, those beyond two standard deviations drawn anew;
 * - `'zeros'`, `{ kind: 'constant', value }`;
 * - `{ kind: 'given', values }`: these, copied when the layer is described: nested as the tensor's shape says, or in one
 *   list or typed array in row-major order. A description and a file keep their shape only, since a file holds the
 *   weights.
 *
 * The normal ones with a name are cut at two standard deviations and keep their variance.
 */
export type Initializer =
  | (typeof NAMES)[number]
  | 'orthogonal'
  | { readonly kind: (typeof NAMES)[number] }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'orthogonal'; readonly gain?: number }
  | { readonly kind: 'truncatedNormal'; readonly standardDeviation: number }
  | { readonly kind: 'given'; readonly values: GivenValues };

type InitializerSpec = Exclude<Initializer, string | { readonly kind: 'given' }> | GivenSpec;

const named = oneOf(...NAMES);

const PARAMETERS = {
  constant: ['value', numberThat('a finite number', () => true)],
  orthogonal: ['gain', nonNegative],
  truncatedNormal: ['standardDeviation', nonNegative],
} as const;

/** Reads a name or an object as `{ kind, ...numbers }`. */
export const initializer: Rule<InitializerSpec> = {
  expected: `one of ${NAMES.map((name) => `"${name}"`).join(', ')}, "orthogonal", { kind: "orthogonal", gain }, { kind: "constant", value }, { kind: "truncatedNormal", standardDeviation } or { kind: "given", values }, each number finite and neither gain nor standardDeviation below 0`,
  read: (given) => {
    const { kind, ...rest } =
      typeof given === 'object' && given !== null ? (given as { readonly kind?: unknown }) : { kind: given };
    const name = named.read(kind);
    if (name !== undefined) return Object.keys(rest).length === 0 ? Object.freeze({ kind: name }) : undefined;
    if (kind === 'orthogonal' && !('gain' in rest)) return initializer.read({ ...rest, kind, gain: 1 });
    if (kind === 'given' && typeof given === 'object' && given !== null) return readGiven(given);
    if (typeof kind !== 'string' || !Object.hasOwn(PARAMETERS, kind)) return undefined;
    const [parameter, rule] = PARAMETERS[kind as keyof typeof PARAMETERS];
    const { [parameter]: value, ...unknown } = rest as Readonly<Record<string, unknown>>;
    const number = rule.read(value);
    if (number === undefined || Object.keys(unknown).length > 0) return undefined;
    return Object.freeze({ kind, [parameter]: number }) as InitializerSpec;
  },
};
