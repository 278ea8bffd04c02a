/** Arguments that nobody should give. */
import type { randomIntegers } from './promise.ts';

type Random = ReturnType<typeof randomIntegers>;

/** What hostile getters and traps throw: it may come back as it is. */
export const MINE = new Error('thrown by an argument');

const throws = () => {
  throw MINE;
};

function trapped(): object {
  return new Proxy({}, { get: throws, has: throws, ownKeys: throws, getOwnPropertyDescriptor: throws });
}

function detached<Values extends Float32Array | Uint8Array>(values: Values): Values {
  structuredClone(values.buffer, { transfer: [values.buffer as ArrayBuffer] });
  return values;
}

function cyclic(): object {
  const list: unknown[] = [1];
  list.push(list);
  return list;
}

/** Names in the folder where calls are made: of a pipe without another end, and of a link to a device that gives zeros for ever. */
export const PIPE = 'pipe';
export const ENDLESS = 'endless';

/** Made anew for each call, as some are used up. */
const VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => -0,
  () => 0,
  () => -1,
  () => 0.5,
  () => 1,
  () => 3,
  () => '',
  () => 'constructor',
  () => '__proto__',
  () => '\0',
  () => PIPE,
  () => ENDLESS,
  () => '\ud800',
  () => true,
  () => false,
  () => 10n,
  () => Symbol('mine'),
  () => throws,
  () => () => {},
  () => async () => ({}),
  () => [],
  () => [[]],
  () => [null],
  () => [1, 2, 3],
  () => new Array(3),
  cyclic,
  () => ({}),
  () => Object.create(null),
  () => JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 1}'),
  () => ({ length: 3 }),
  () => ({ valueOf: throws, toString: throws, toJSON: throws, [Symbol.toPrimitive]: throws }),
  () => Object.defineProperty({}, 'kind', { get: throws, enumerable: true }),
  () => ({
    get length() {
      return throws();
    },
  }),
  trapped,
  () => new Proxy([1, 2], { get: throws }),
  () => new Proxy(throws, {}),
  () => ({ [Symbol.iterator]: throws, [Symbol.asyncIterator]: throws }),
  () => Object.defineProperty({}, 'then', { value: throws }),
  () => new Float32Array(0),
  () => new Float32Array([Number.NaN, 1]),
  () => detached(new Float32Array(8)),
  () => detached(new Uint8Array(8)),
  () => new Float64Array(4),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(4)),
  () => new Float32Array(new SharedArrayBuffer(16)),
  () => new Int32Array([-1, 2 ** 31 - 1]),
  () => new ArrayBuffer(3),
  () => new Date(Number.NaN),
  () => new Map([['a', 1]]),
  () => new Set([1]),
  () => /x/,
  () => Promise.resolve(1),
  () => new Error('a value'),
  () => new WeakRef({}),
  () => globalThis,
];

/** Not where a number says how long something takes. */
const LARGE: readonly number[] = [
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  -(2 ** 31),
  Number.MAX_VALUE,
  Number.MIN_VALUE,
];

const DURATIONS = /^(epochs|maxSteps|steps|maxSeconds|iterations|threads|negatives|window|dimensions)$/;

export function hostile(random: Random, name = ''): unknown {
  const large = DURATIONS.test(name) ? 0 : LARGE.length;
  const place = random(VALUES.length + large);
  return place < VALUES.length ? (VALUES[place] as () => unknown)() : LARGE[place - VALUES.length];
}

/** The arguments with one of them, or something within it, in hostile hands. */
export function spoil(random: Random, args: readonly unknown[]): unknown[] {
  const spoilt = [...args];
  const place = random(args.length + 1);
  spoilt[place] = spoilValue(random, spoilt[place], '');
  return spoilt;
}

function spoilValue(random: Random, value: unknown, name: string): unknown {
  const isPlain =
    value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
  if (random(3) === 0 || !(isPlain || Array.isArray(value))) return hostile(random, name);
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    const place = random(copy.length + 1);
    copy[place] = spoilValue(random, copy[place], name);
    return copy;
  }
  const copy: Record<string, unknown> = { ...value };
  const keys = [...Object.keys(copy), 'surplus'];
  const key = keys[random(keys.length)] as string;
  copy[key] = spoilValue(random, copy[key], key);
  if (random(8) === 0) Object.defineProperty(copy, key, { get: throws, enumerable: true });
  return copy;
}
