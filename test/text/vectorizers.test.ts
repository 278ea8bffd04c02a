/** The vectorizers beside scikit-learn's numbers, and what they do by themselves. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { RandomStream } from '../../lib/core/philox.ts';
import {
  countVectorizer,
  fromSparse,
  fromTexts,
  hashingVectorizer,
  makeVectorizer,
  tfidfVectorizer,
  tokenizer,
  type VectorizedTexts,
  type Vectorizer,
} from '../../lib/index.ts';
import { hashText, murmurHash3 } from '../../lib/text/murmur-hash.ts';
import { testErrors, wrongly } from '../api/errors.ts';

interface Case {
  readonly kind: Vectorizer['kind'];
  readonly options: object;
  readonly features: number;
  readonly rows: readonly (readonly (readonly [feature: number, value: number])[])[];
  readonly vocabulary?: readonly string[];
}

const { texts, cases, hashes } = JSON.parse(
  readFileSync(new URL('../fixtures/scikit-learn-text.json', import.meta.url), 'utf8'),
) as {
  readonly texts: readonly string[];
  readonly cases: readonly Case[];
  readonly hashes: readonly (readonly [text: string, seed0: number, seed42: number])[];
};

function make({ kind, options }: Pick<Case, 'kind' | 'options'>): Vectorizer {
  if (kind === 'hashing') return hashingVectorizer(options);
  return kind === 'count' ? countVectorizer(texts, options) : tfidfVectorizer(texts, options);
}

/** Without features that cancelled out, of which scikit-learn keeps some and Gradloom others. */
function rowsOf({ offsets, indices, values }: VectorizedTexts): [number, number][][] {
  return Array.from({ length: offsets.length - 1 }, (_, row) => {
    const range = Array.from(
      { length: (offsets[row + 1] as number) - (offsets[row] as number) },
      (_, i) => (offsets[row] as number) + i,
    );
    return range
      .map((i): [number, number] => [indices[i] as number, values[i] as number])
      .filter(([, v]) => v !== 0);
  });
}

for (const [index, one] of cases.entries()) {
  test(`${one.kind} ${JSON.stringify(one.options)}: scikit-learn's features and values (case ${index})`, (t) => {
    const vectorizer = make(one);
    t.deepEqual(vectorizer.inputShape, [one.features]);
    // scikit-learn sorts by code points, Gradloom by code units: the same up to the emoji.
    if (one.vocabulary !== undefined) t.deepEqual(vectorizer.vocabulary, one.vocabulary);
    const rows = rowsOf(vectorizer.transform(texts));
    const expected = one.rows.map((row) => row.filter(([, value]) => value !== 0));
    t.deepEqual(
      rows.map((row) => row.map(([feature]) => feature)),
      expected.map((row) => row.map(([feature]) => feature)),
    );
    for (const [place, row] of rows.entries()) {
      t.true(row.every(([, value], i) => Math.abs(value - (expected[place]?.[i]?.[1] as number)) <= 1e-7));
    }
    const again = makeVectorizer(JSON.parse(JSON.stringify(vectorizer)));
    t.deepEqual(
      again.transform([...texts, 'unseen words']),
      vectorizer.transform([...texts, 'unseen words']),
    );
    t.deepEqual(again.vocabulary, vectorizer.vocabulary);
  });
}

test("murmurHash3: scikit-learn's hashes of the UTF-8 text, with two seeds", (t) => {
  for (const [text, plain, seeded] of hashes) {
    const bytes = new TextEncoder().encode(text);
    t.deepEqual([murmurHash3(bytes), murmurHash3(bytes, 42)], [plain, seeded], text);
    t.deepEqual([hashText(text), hashText(text, 42)], [plain, seeded], text);
  }
});

test('hashText: the hash of the bytes, of texts of any length and script one after another', (t) => {
  const texts = [
    'x',
    'long '.repeat(100),
    'é'.repeat(301),
    '',
    'a\u{1f44d}',
    'half \ud83d of a pair',
    'abc',
    '\u007f\u0080',
  ];
  for (const text of [...texts, ...texts.map((each) => each.repeat(40)), ...texts]) {
    t.is(hashText(text, 7), murmurHash3(new TextEncoder().encode(text), 7), text);
  }
});

test('tokens of a pattern of the own, stop words, runs', (t) => {
  t.deepEqual(tokenizer({ ngrams: [1, 2] })('Not a bad film'), ['not', 'bad', 'film', 'not bad', 'bad film']);
  t.deepEqual(tokenizer({ pattern: /#(\w+)/, stopWords: ['c'] })('#A b #c #d'), ['a', 'd']);
  t.deepEqual(tokenizer({ analyzer: 'charInWords', ngrams: [3, 3] })('I am'), [' i ', ' am', 'am ']);
  t.deepEqual(tokenizer({ analyzer: 'char', ngrams: [2, 2] })('a👍b'), ['a👍', '👍b']);
  t.deepEqual(tokenizer()(''), []);
});

test('maxFeatures keeps what stands most often; ties in the order of the alphabet', (t) => {
  const { vocabulary } = countVectorizer(['dd bb aa cc', 'dd aa bb dd'], { maxFeatures: 3 });
  t.deepEqual(vocabulary, ['aa', 'bb', 'dd']);
});

test('a pattern comes back from JSON, and samples go into a dataset', (t) => {
  const vectorizer = countVectorizer(['#a b #c'], { pattern: /#(\w+)/u });
  const again = makeVectorizer(JSON.parse(JSON.stringify(vectorizer)));
  const data = fromSparse({ ...again.transform(['#c #c b', 'nothing']), labels: [0, 1] });
  t.deepEqual([...data.at(0).input, ...data.at(1).input], [0, 2, 0, 0]);
});

testErrors(test, 'INVALID_OPTION', [
  [() => countVectorizer(wrongly('text')), 'countVectorizer: texts must be an array of strings, got "text"'],
  [
    () => tokenizer({ ngrams: [2, 1] }),
    'tokenizer: ngrams must be a pair [least, most] of integers from 1 on, got [2, 1]',
  ],
  [
    () => hashingVectorizer(wrongly({ feature: 8 })),
    'hashingVectorizer: unknown option "feature"; did you mean "features"?',
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [() => countVectorizer(['a', '']), 'countVectorizer: the 2 texts hold no token'],
  [
    () => tfidfVectorizer(['ab', 'cd'], { minDocuments: 2 }),
    'tfidfVectorizer: the 2 texts hold 2 tokens, none of which minDocuments and maxShare keep',
  ],
  [() => hashingVectorizer().transform(wrongly(['a', 1])), 'transform: texts[1] must be a string, got 1'],
  [
    () => makeVectorizer({ kind: 'count' }),
    "makeVectorizer: expected what a vectorizer's toJSON gives, got an object",
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [
    () => {
      const texts = ['aa bb', 'bb cc'];
      const vectorizer = {
        ...countVectorizer(texts),
        transform: () => wrongly(undefined),
        toJSON: () => wrongly({}),
      };
      return fromTexts({ texts, vectorizer });
    },
    "fromTexts: the vectorizer's transform must give { inputShape, offsets, indices, values }, got undefined",
  ],
]);

test('runs found by the numbers of their words are those of joined texts, in thousands too', (t) => {
  const random = new RandomStream(3, 'shuffle');
  const draw = (count: number, bound: number) =>
    Array.from({ length: count }, () => {
      const word = random.below(random.below(bound) + 1).toString(36);
      return random.below(9) === 0 ? `${word.toUpperCase()}É` : `w${word}`;
    }).join(random.below(2) === 0 ? ' ' : ', ');
  const texts = Array.from({ length: 200 }, (_, i) => draw(i % 60, 400));
  const others = [...Array.from({ length: 30 }, () => draw(50, 500)), '', 'w1', 'w1 w2 w3 unseen w1 w2'];
  for (const ngrams of [
    [1, 1],
    [1, 2],
    [2, 2],
    [2, 4],
    [3, 3],
  ] as const) {
    for (const more of [
      {},
      { minDocuments: 2, maxShare: 0.5 },
      { maxFeatures: 50, stopWords: ['w1', 'wa'], stripAccents: true },
    ]) {
      const numbered = tfidfVectorizer(texts, { ngrams, ...more });
      // A pattern of one's own, though the default's: words of such may hold blanks, so tokens are whole texts.
      const joined = tfidfVectorizer(texts, { ngrams, ...more, pattern: /[\p{L}\p{N}_]{2,}/gu });
      t.deepEqual(numbered.vocabulary, joined.vocabulary);
      t.deepEqual(numbered.transform(others), joined.transform(others));
      const again = makeVectorizer(JSON.parse(JSON.stringify(numbered)));
      t.deepEqual(again.transform(others), joined.transform(others));
    }
  }
});

test('a word of a pattern with blanks and a run of the same text are one token', (t) => {
  const { vocabulary, transform } = countVectorizer(['a b,a b', 'a,b'], {
    ngrams: [1, 2],
    pattern: /[^,]+/gu,
  });
  t.deepEqual(vocabulary, ['a', 'a b', 'a b a b', 'b']);
  t.deepEqual([...transform(['a b', 'a,b']).values], [1, 1, 1, 1]);
});
