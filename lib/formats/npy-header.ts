export interface NpyHeader {
  /** Byte order and type: `<f4`. */
  readonly descr: string;
  readonly shape: readonly number[];
  /** An error at the value of a field. */
  readonly fail: (field: Field, text: string) => Error;
}

const FIELDS = ['descr', 'fortran_order', 'shape'] as const;
type Field = (typeof FIELDS)[number];

type Fail = (position: number, text: string) => Error;

/**
 * Parses the dictionary of an NPY header: exactly the three fields, in any order, as literals, then spaces and a
 * newline. Nothing of Python beyond that is understood. `fail` makes the error for a position in `text`.
 */
export function parseNpyHeader(text: string, fail: Fail): NpyHeader {
  const literals = new Literals(text, fail);
  const places = new Map<Field, number>();
  let descr = '';
  let shape: readonly number[] = [];
  literals.expect('{', 'at the start of the header');
  while (!literals.take('}')) {
    const start = literals.position;
    const given = literals.string('a field of the header');
    const field = FIELDS.find((name) => name === given);
    if (field === undefined) throw fail(start, `unknown field; the format has ${FIELDS.join(', ')}`);
    if (places.has(field)) throw fail(start, `field ${field} stands twice`);
    literals.expect(':', `behind ${field}`);
    places.set(field, literals.position);
    if (field === 'descr') descr = literals.descr();
    else if (field === 'shape') shape = literals.extents();
    else if (literals.word('fortran_order') === 'True') {
      throw fail(
        places.get(field) as number,
        'fortran_order is True; only C order is read: save it with numpy.ascontiguousarray(...)',
      );
    }
    if (!literals.take(',')) {
      literals.expect('}', `or "," behind ${field}`);
      break;
    }
  }
  literals.expectEnd();
  for (const field of FIELDS) {
    if (!places.has(field)) throw fail(0, `${field} is missing in the header`);
  }
  return { descr, shape, fail: (field, message) => fail(places.get(field) as number, message) };
}

/** Walks over the few Python literals that a header is made of. */
class Literals {
  readonly #text: string;
  readonly #fail: Fail;
  #position = 0;

  constructor(text: string, fail: Fail) {
    this.#text = text;
    this.#fail = fail;
  }

  /** Where the next literal or punctuation begins. */
  get position(): number {
    this.#match(/ */y);
    return this.#position;
  }

  take(character: string): boolean {
    if (this.#text[this.position] !== character) return false;
    this.#position++;
    return true;
  }

  expect(character: string, where: string): void {
    if (!this.take(character)) throw this.#fail(this.position, `expected "${character}" ${where}`);
  }

  expectEnd(): void {
    if (this.position !== this.#text.length - 1 || !this.#text.endsWith('\n')) {
      throw this.#fail(this.position, 'expected only spaces and a newline behind the dictionary');
    }
  }

  string(what: string): string {
    const start = this.position;
    const literal = this.#match(/'[^'\\\n]*'|"[^"\\\n]*"/y);
    if (literal === undefined) throw this.#fail(start, `expected a quoted string for ${what}`);
    return literal.slice(1, -1);
  }

  descr(): string {
    if (this.#text[this.position] === '[') {
      throw this.#fail(
        this.position,
        'descr is a record of several fields; save each as an array of its own',
      );
    }
    return this.string('descr');
  }

  word(what: string): 'True' | 'False' {
    const start = this.position;
    const literal = this.#match(/(?:True|False)(?![A-Za-z0-9_])/y);
    if (literal === 'True' || literal === 'False') return literal;
    throw this.#fail(start, `${what} must be True or False`);
  }

  /** A tuple of integers: `()`, `(3,)`, `(3, 4)`. */
  extents(): number[] {
    const start = this.position;
    const malformed = (position: number) =>
      this.#fail(position, 'shape must be a tuple of integers from 0 to 2^53 - 1');
    if (!this.take('(')) throw malformed(start);
    const extents: number[] = [];
    while (!this.take(')')) {
      const place = this.position;
      const extent = Number(
        this.#match(/(?:0|[1-9][0-9]{0,15})(?=[L ,)])L?/y)?.replace('L', '') ?? Number.NaN,
      );
      if (!Number.isSafeInteger(extent)) throw malformed(place);
      extents.push(extent);
      if (this.take(',')) continue;
      // `(3)` is no tuple in Python but a number.
      if (extents.length < 2 || !this.take(')')) throw malformed(this.position);
      break;
    }
    return extents;
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#position;
    const match = sticky.exec(this.#text);
    if (match !== null) this.#position = sticky.lastIndex;
    return match?.[0];
  }
}
