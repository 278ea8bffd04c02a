/** Which user had to do with which item, by numbers and by names. */
import { GradloomError } from '../core/errors.ts';
import { anything, formatValue, readOptions, required } from '../core/options.ts';
import { isList } from '../datasets/values/copies.ts';

/** What a user or an item is called: a number from 0 on, or a name. */
export type Id = number | string;

/** Names are typed as such, not as the very values that a list of them was written with; so are numbers. */
export type KindOfId<Given extends Id> = Given extends string ? string : number;

/** Which user had to do with which item: bought, read, watched, ... A pair may stand more than once. */
export interface Interactions<User extends Id = number, Item extends Id = number> {
  /** Numbers of users from 0, or their names. */
  readonly users: ArrayLike<User>;
  /** Numbers of items from 0, or their names, one a pair. */
  readonly items: ArrayLike<Item>;
}

const INTERACTIONS = {
  users: required(anything('a list of users')),
  items: required(anything('a list of items')),
};

/** What the two lists hold is read later. Anything beside them, such as ratings, would be left out in silence. */
export function readInteractions(operation: string, name: string, given: unknown): Interactions<Id, Id> {
  if (typeof given === 'object' && given !== null && !isList(given))
    return readOptions(operation, given, INTERACTIONS) as Interactions<Id, Id>;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: ${name} must be { users, items }, a list each, got ${formatValue(given)}`,
  );
}

/** How many users and items there are beyond those of the pairs. */
export interface Counts {
  readonly userCount: number | undefined;
  readonly itemCount: number | undefined;
}

type What = 'user' | 'item';

/** The users or the items: numbers from 0 on, by names if they have any. */
export class Names {
  readonly what: What;
  readonly count: number;
  readonly list: readonly string[] | undefined;
  readonly #numbers: ReadonlyMap<unknown, number>;

  constructor(what: What, count: number, list?: readonly string[]) {
    this.what = what;
    this.count = count;
    this.list = list;
    this.#numbers = new Map(list?.map((name, number) => [name, number]));
  }

  /** Whether it could be one of them by its kind. */
  isId(id: unknown): id is Id {
    return this.list === undefined ? Number.isInteger(id) && (id as number) >= 0 : typeof id === 'string';
  }

  /** Undefined for what is not among them. */
  find(id: unknown): number | undefined {
    if (this.list !== undefined) return this.#numbers.get(id);
    return this.isId(id) && (id as number) < this.count ? (id as number) : undefined;
  }

  numberOf(operation: string, id: unknown): number {
    const number = this.find(id);
    if (number !== undefined) return number;
    const known =
      this.list === undefined
        ? `an integer from 0 to ${this.count - 1}`
        : `one of the ${this.count} names that it was trained on`;
    const isAbsent = this.isId(id);
    const remedy =
      isAbsent && this.what === 'user'
        ? '; train with their pairs, or ask recommendFor by the items that they have'
        : '';
    throw new GradloomError(
      isAbsent ? 'ID_OUT_OF_RANGE' : 'INVALID_OPTION',
      `${operation}: ${this.what} must be ${known}, got ${formatValue(id)}${remedy}`,
    );
  }

  nameOf(number: number): Id {
    return this.list === undefined ? number : (this.list[number] as string);
  }
}

/** The users or the items of all pairs. */
export interface Side {
  readonly names: Names;
  readonly numbers: Int32Array<ArrayBuffer>;
}

/** Pairs of numbers, and the items of each user. */
export class Pairs {
  readonly users: Names;
  readonly items: Names;
  /** Of each pair. */
  readonly userNumbers: Int32Array<ArrayBuffer>;
  readonly itemNumbers: Int32Array<ArrayBuffer>;
  /** Items of each user in ascending order: those of user `u` from `#starts[u]` on. */
  readonly #starts: Uint32Array;
  readonly #known: Int32Array;

  constructor(users: Side, items: Side) {
    if (users.numbers.length !== items.numbers.length) {
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `recommender: there are ${users.numbers.length} users and ${items.numbers.length} items; give one of each a pair`,
      );
    }
    this.users = users.names;
    this.items = items.names;
    this.userNumbers = users.numbers;
    this.itemNumbers = items.numbers;
    this.#starts = new Uint32Array(this.users.count + 1);
    for (const user of this.userNumbers) this.#starts[user + 1] = (this.#starts[user + 1] as number) + 1;
    for (let u = 0; u < this.users.count; u++) {
      this.#starts[u + 1] = (this.#starts[u + 1] as number) + (this.#starts[u] as number);
    }
    const places = this.#starts.slice();
    this.#known = new Int32Array(this.length);
    for (const [pair, user] of this.userNumbers.entries()) {
      const place = places[user] as number;
      this.#known[place] = this.itemNumbers[pair] as number;
      places[user] = place + 1;
    }
    for (let u = 0; u < this.users.count; u++) this.itemsOf(u).sort();
  }

  get length(): number {
    return this.userNumbers.length;
  }

  /** In ascending order; none of a user without pairs. */
  itemsOf(user: number): Int32Array {
    return this.#known.subarray(this.#starts[user] ?? 0, this.#starts[user + 1] ?? 0);
  }

  knows(user: number, item: number): boolean {
    let [low, high] = [this.#starts[user] as number, this.#starts[user + 1] as number];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#known[middle] as number;
      if (found === item) return true;
      if (found < item) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** How many pairs each item has. */
  countsOfItems(): Float64Array {
    const counts = new Float64Array(this.items.count);
    for (const item of this.itemNumbers) counts[item] = (counts[item] as number) + 1;
    return counts;
  }
}

/** Throws `INVALID_DATA` for pairs that are none; `checkCounts` comes before what takes memory for each user. */
export function readPairs(
  given: Interactions<Id, Id>,
  { userCount, itemCount }: Counts,
  checkCounts: (users: number, items: number) => void,
): Pairs {
  const users = readSide('user', given.users, userCount);
  const items = readSide('item', given.items, itemCount);
  checkCounts(users.names.count, items.names.count);
  return new Pairs(users, items);
}

/** Of one kind. */
export function readSide(what: What, given: unknown, count: number | undefined): Side {
  if (!isList(given) || given.length === 0) {
    throw invalid(`${what}s must be a list of at least one number or name, got ${formatValue(given)}`);
  }
  if (typeof given[0] === 'string') return readNames(what, given, count);
  const limit = count ?? 2 ** 31 - 1;
  const numbers = Int32Array.from({ length: given.length }, (_, pair) => {
    const number = given[pair];
    if (Number.isInteger(number) && (number as number) >= 0 && (number as number) < limit)
      return number as number;
    const remedy = typeof number === 'number' ? '' : '; give numbers, or names (strings) of all';
    throw invalid(
      `${what}s[${pair}] must be an integer from 0 to ${limit - 1}, got ${formatValue(number)}${remedy}`,
    );
  });
  return { names: new Names(what, count ?? countIn(what, numbers)), numbers };
}

/** Names get numbers in the order in which they first come. */
function readNames(what: What, given: ArrayLike<unknown>, count: number | undefined): Side {
  if (count !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `recommender: ${what}Count is for ${what}s that are numbers; names are counted: leave it out`,
    );
  }
  const numbers = new Map<string, number>();
  const ofPairs = Int32Array.from({ length: given.length }, (_, pair) => {
    const name = given[pair];
    if (typeof name !== 'string') {
      throw invalid(`${what}s[${pair}] must be a name as those before it, got ${formatValue(name)}`);
    }
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  return { names: new Names(what, numbers.size, Object.freeze([...numbers.keys()])), numbers: ofPairs };
}

/** One more than the highest number, unless so few below it are there that they must be keys of some other table. */
function countIn(what: What, numbers: Int32Array): number {
  const count = numbers.reduce((highest, number) => Math.max(highest, number), 0) + 1;
  if (count <= 10_000) return count;
  // Not by a set, which holds no more than 2 ** 24.
  const sorted = numbers.slice().sort();
  const different = sorted.reduce((sum, number, place) => sum + (number === sorted[place - 1] ? 0 : 1), 0);
  if (count <= 10 * different) return count;
  throw invalid(
    `${what}s go up to ${count - 1}, but only ${different} of these numbers are there, and each would have a vector; give them as ` +
      `names (Array.from(ids, String)), number them from 0 on, or say ${what}Count: ${count}`,
  );
}

function invalid(text: string): GradloomError {
  return new GradloomError('INVALID_DATA', `recommender: ${text}`);
}
