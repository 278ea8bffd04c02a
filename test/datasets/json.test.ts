import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { GradloomError, type GradloomErrorCode } from '../../lib/core/errors.ts';
import { csv, type Dataset, fromRows, json, ndjson } from '../../lib/datasets/index.ts';
import { checkError, wrongly } from '../api/errors.ts';
import { fileWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const toNdjson = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** The same rows through each of the three. */
async function readAll(t: ExecutionContext, rows: readonly object[], options: object): Promise<Dataset[]> {
  return await Promise.all([
    fromRows(rows, wrongly(options)),
    json(fileWith(t, JSON.stringify(rows, null, 2)), wrongly(options)),
    ndjson(fileWith(t, toNdjson(rows)), wrongly(options)),
  ]);
}

const FLOWERS = [
  { height: 1.5, color: 'red', wild: true, species: 'rose' },
  { height: 2, color: 'blue', wild: false, species: 'iris' },
  { species: 'rose', color: 'red', wild: true, height: -30 },
];

test('numbers, true and false, one-hot categories, classes by name, keys in any order', async (t) => {
  for (const data of await readAll(t, FLOWERS, { target: 'species' })) {
    t.deepEqual(rowsOf(data), [
      [1.5, 0, 1, 1],
      [2, 1, 0, 0],
      [-30, 0, 1, 1],
    ]);
    t.deepEqual(
      [labelsOf(data), data.classNames],
      [
        [1, 0, 1],
        ['iris', 'rose'],
      ],
    );
    t.deepEqual(data.table?.featureNames, ['height', 'color=blue', 'color=red', 'wild']);
  }
});

test('null and keys that are not there are missing values, also before a key is first met', async (t) => {
  const rows = [{ a: 1 }, { a: null, b: 'x' }, { a: 4, b: 'y', c: 7 }, {}];
  const missing = { a: 'mean', b: 'category', c: 'zero' };
  for (const data of await readAll(t, rows, { missing })) {
    t.deepEqual(data.table?.featureNames, ['a', 'b=x', 'b=y', 'b=(missing)', 'c']);
    t.deepEqual(rowsOf(data), [
      [1, 0, 0, 1, 0],
      [2.5, 1, 0, 0, 0],
      [4, 0, 1, 0, 7],
      [2.5, 0, 0, 1, 0],
    ]);
    t.deepEqual(
      data.table?.report.map((line) => line.replace(/ \(.*/, '')),
      ['a: numbers, 2 missing', 'b: 2 categories, 2 missing', 'c: numbers, 3 missing'],
    );
  }
});

test('columns are selected, nested values in others are left aside; target values', async (t) => {
  const rows = [
    { id: { x: [1, '}'] }, a: 1, b: 2, tags: ['p', ']'] },
    { id: {}, a: 3, b: 4, tags: [] },
  ];
  const options = { columns: ['b'], target: 'a', labelKind: 'values' };
  for (const data of await readAll(t, rows, options)) {
    t.deepEqual(
      [rowsOf(data), labelsOf(data)],
      [
        [[2], [4]],
        [Float32Array.of(1), Float32Array.of(3)],
      ],
    );
  }
});

test('a text behind numbers makes categories from the start; classes of true and false', async (t) => {
  const rows = [
    { a: 10, y: true },
    { a: 9, y: false },
    { a: 'x', y: true },
    { a: 9, y: true },
  ];
  for (const data of await readAll(t, rows, { target: 'y', categories: 'index' })) {
    t.deepEqual(rowsOf(data), [[0], [1], [2], [1]]);
    t.deepEqual(
      [labelsOf(data), data.classNames],
      [
        [1, 0, 1, 1],
        ['false', 'true'],
      ],
    );
  }
});

test('rows of one kind are read like those of another', async (t) => {
  const train = await csv(fileWith(t, 'a,b,y\n1,p,no\n3,q,yes\n'), { target: 'y', missing: { a: 'mean' } });
  const rows = [
    { y: 'yes', b: 'q', more: [] },
    { y: 'no', b: 'p', a: 5 },
  ];
  for (const data of await readAll(t, rows, { like: train })) {
    t.deepEqual(
      [rowsOf(data), labelsOf(data)],
      [
        [
          [2, 0, 1],
          [5, 1, 0],
        ],
        [1, 0],
      ],
    );
    t.is(data.table, train.table);
  }
});

test('BOM, CRLF, blank lines, escapes, no end of line', async (t) => {
  const text = '\ufeff{"a":1,"b":"x\\n\\u00e9"}\r\n\r\n  \n {"a" : 2e1 , "b":"\\"é"}  ';
  const lines = await ndjson(fileWith(t, text));
  t.deepEqual(rowsOf(lines), [
    [1, 0, 1],
    [20, 1, 0],
  ]);
  t.deepEqual(lines.table?.featureNames, ['a', 'b="é', 'b=x\né']);
  t.deepEqual(rowsOf(await json(fileWith(t, '\ufeff[{"a":1}\r\n,\r\n{"a":2}]\r\n'))), [[1], [2]]);
  t.deepEqual(rowsOf(await json(fileWith(t, '[{"a":1}]'))), [[1]]);
  t.deepEqual(
    rowsOf(await ndjson(fileWith(t, '{"a":1}\n{"a":"-"}'), { missing: 'zero', missingMarks: ['-'] })),
    [[1], [0]],
  );
  t.deepEqual(rowsOf(await ndjson(fileWith(t, '{"__proto__":1,"constructor":2,"":3}\n'))), [[1, 2, 3]]);
});

test('rows are copied before fromRows returns', async (t) => {
  const rows = [{ a: 1 }, { a: 2 }];
  const reading = fromRows(rows);
  (rows[0] as { a: number }).a = 9;
  rows.pop();
  t.deepEqual(rowsOf(await reading), [[1], [2]]);
});

type Fault = readonly [text: string | Uint8Array, options: object, code: GradloomErrorCode, message: string];

const MISSING =
  'the value is missing; fill it by { missing: "zero" | "mean" | "category" }, or leave the column out by { columns }';

/** In messages FILE is the path. */
const NDJSON_FAULTS: readonly Fault[] = [
  ['', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  ['\n\r\n', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  ['{"a":1}\n[1]\n', {}, 'FILE_FORMAT', 'line 2: character 1: expected "{" in a row, which is an object'],
  ['{"a":1}\n\n{"a":2', {}, 'FILE_FORMAT', 'line 3: character 7: expected "}" in a row, which is an object'],
  [
    '{"a":1}{"a":2}\n',
    {},
    'FILE_FORMAT',
    'line 1: character 8: expected nothing more behind the row; each row stands on a line of its own',
  ],
  [
    '{"a":1,"a":2}\n',
    {},
    'FILE_FORMAT',
    'line 1: character 8: key "a" stands twice in a row, which is an object',
  ],
  ['{"a":1,}\n', {}, 'FILE_FORMAT', 'line 1: character 8: expected a string in a row, which is an object'],
  ['{"a":01}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a value of "a"'],
  ['{"a":NaN}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a value of "a"'],
  ['{"a":}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a value of "a"'],
  ['{"a":"x\ny"}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a valid JSON string of "a"'],
  ['{"a":"\\x"}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a valid JSON string of "a"'],
  ['{"a":"\\ud800"}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a valid JSON string of "a"'],
  [
    '{"a":{"b":[1}\n',
    {},
    'FILE_FORMAT',
    'line 1: character 14: expected the end of the object or array of "a"',
  ],
  ['{"a":{"b":[1}]}\n', {}, 'FILE_FORMAT', 'line 1: character 6: expected a valid object or array of "a"'],
  [
    Uint8Array.of(0x7b, 0xff, 0x7d),
    {},
    'FILE_FORMAT',
    'FILE: at byte 1: the text is not UTF-8; save the file as UTF-8',
  ],
  [
    '{"a":1}\n{"a":{"b":2}}\n',
    {},
    'INVALID_DATA',
    'line 2: column "a": holds an object; a value is a number, a string, true or false; flatten it, or leave the column out by { columns }',
  ],
  [
    '{"a":[1,2]}\n',
    {},
    'INVALID_DATA',
    'line 1: column "a": holds an array; a value is a number, a string, true or false; flatten it, or leave the column out by { columns }',
  ],
  ['{"a":1}\n{}\n', {}, 'INVALID_DATA', `line 2: column "a": ${MISSING}`],
  ['{"a":1}\n{"a":2,"b":3}\n', {}, 'INVALID_DATA', `line 1: column "b": ${MISSING}`],
  [
    '{"a":1e999}\n',
    {},
    'INVALID_DATA',
    'line 1: column "a": Infinity is not finite as float32; rescale or drop it',
  ],
  [
    '{"a":"31"}\n',
    { types: { a: 'number' } },
    'INVALID_DATA',
    'line 1: column "a": "31" is a string, a number is expected',
  ],
  [
    '{"a":1}\n',
    { target: 'b' },
    'INVALID_OPTION',
    'ndjson: target names "b", but FILE has no such column; did you mean "a"?',
  ],
  ['{}\n', {}, 'INVALID_OPTION', 'ndjson: FILE has no column for the inputs'],
  [
    '{"a":1}\n',
    { delimiter: ';' },
    'INVALID_OPTION',
    'ndjson: unknown option "delimiter"; there are target, labelKind, columns, types, categories, missing, unknown, hash, like and missingMarks',
  ],
];

const JSON_FAULTS: readonly Fault[] = [
  ['', {}, 'FILE_FORMAT', 'line 1: character 1: expected "[" at the start of an array of objects'],
  ['[]', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  ['{"a":1}\n', {}, 'FILE_FORMAT', 'line 1: character 1: expected "[" at the start of an array of objects'],
  ['[\n{"a":1},\n{"a":2}\n', {}, 'FILE_FORMAT', 'line 4: character 1: expected "]" or "," behind a row'],
  ['[\n{"a":1}\n{"a":2}]', {}, 'FILE_FORMAT', 'line 3: character 1: expected "]" or "," behind a row'],
  ['[\n{"a":1},\n]', {}, 'FILE_FORMAT', 'line 3: character 1: expected "{" in a row, which is an object'],
  ['[{"a":1}]\n]', {}, 'FILE_FORMAT', 'line 2: character 1: expected nothing more behind the array'],
  ['[\n{"a":1},\n\n  {"a":\n   x}]', {}, 'FILE_FORMAT', 'line 5: character 4: expected a value of "a"'],
  ['[\n{"a":1},\n\n  {"a":\n   null}]', {}, 'INVALID_DATA', `line 4: column "a": ${MISSING}`],
];

async function checkFault(
  t: ExecutionContext,
  read: (path: string, options: never) => Promise<unknown>,
  [text, options, code, message]: Fault,
): Promise<void> {
  const path = fileWith(t, text);
  const error = await t.throwsAsync(read(path, wrongly(options)));
  t.true(error instanceof GradloomError, String(error));
  const prefix = message.startsWith('line') ? `${path}: ` : '';
  t.like(error, { code, message: prefix + message.replace('FILE', path) });
}

for (const [index, fault] of NDJSON_FAULTS.entries()) {
  test(`ndjson fault ${index + 1}: ${fault[3]}`, (t) => checkFault(t, ndjson, fault));
}
for (const [index, fault] of JSON_FAULTS.entries()) {
  test(`json fault ${index + 1}: ${fault[3]}`, (t) => checkFault(t, json, fault));
}

test('what fromRows refuses', async (t) => {
  const faults: readonly (readonly [unknown, object, GradloomErrorCode, string])[] = [
    [{}, {}, 'INVALID_OPTION', 'rows must be an array of objects, got an object'],
    [[], {}, 'INVALID_DATA', 'got no rows'],
    [[{ a: 1 }, [2]], {}, 'INVALID_DATA', 'row 1 must be an object, got [2]'],
    [[{ a: 1 }, null], {}, 'INVALID_DATA', 'row 1 must be an object, got null'],
    [[{ a: 1 }, { a: Number.NaN }], {}, 'INVALID_DATA', `row 1: column "a": ${MISSING}`],
    [
      [{ a: new Date(0) }],
      {},
      'INVALID_DATA',
      'row 0: column "a": holds an object of class Date; a value is a number, a string, true or false; flatten it, or leave the column out by { columns }',
    ],
    [
      [{ a: 1n }],
      {},
      'INVALID_DATA',
      'row 0: column "a": holds 1n; a value is a number, a string, true or false; flatten it, or leave the column out by { columns }',
    ],
    [
      [{ a: 1 }],
      { target: 'y' },
      'INVALID_OPTION',
      'target names "y", but the data has no such column; did you mean "a"?',
    ],
    [[{ a: 1 }], { target: 'a' }, 'INVALID_OPTION', 'the data has no column for the inputs'],
  ];
  for (const [rows, options, code, message] of faults) {
    await checkError(t, code, [() => fromRows(wrongly(rows), wrongly(options)), `fromRows: ${message}`]);
  }
});

test('no file, and a folder', async (t) => {
  for (const read of [json, ndjson]) {
    await checkError(t, 'FILE_NOT_FOUND', [
      () => read('/absent'),
      '/absent: there is no such file; check the path',
    ]);
    await checkError(t, 'INVALID_OPTION', [
      () => read('/tmp'),
      '/tmp: this is a folder; give the path of a file',
    ]);
  }
});

test('many lines, cut anywhere by the chunks of reading; a very long line', async (t) => {
  const count = 30_000;
  const rows = Array.from({ length: count }, (_, i) => ({ a: i, b: `é${i % 3}`, y: i % 7 }));
  const data = await ndjson(fileWith(t, toNdjson(rows)), { target: 'y' });
  t.is(data.length, count);
  for (const place of [0, 1234, count - 1]) {
    t.deepEqual([...data.at(place).input], [place, ...[0, 1, 2].map((k) => Number(place % 3 === k))]);
    t.is(data.labelAt(place), place % 7);
  }
  const long = 'x'.repeat(2 ** 20);
  const wide = await ndjson(fileWith(t, `{"a":1,"b":"${long}"}\n{"a":2,"b":"${long}"}\n`), {
    columns: ['a'],
  });
  t.deepEqual(rowsOf(wide), [[1], [2]]);
  const path = fileWith(t, `{"a":1}\n{"a":"${'x'.repeat(2 ** 24)}"}\n`);
  await checkError(t, 'FILE_FORMAT', [
    () => ndjson(path),
    `${path}: line 2: the line exceeds 16777216 characters; each row stands on a line of its own`,
  ]);
});

test('property: any rows come back', async (t) => {
  const row = fc.record({
    n: fc.float({ noNaN: true, noDefaultInfinity: true }),
    'key "x"\n': fc.string({ unit: 'grapheme', maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
      const categories = [...new Set(rows.map((each) => each['key "x"\n']))];
      const types = { 'key "x"\n': 'category' };
      for (const data of await readAll(t, rows, {
        categories: 'index',
        types,
        columns: ['n', 'key "x"\n'],
      })) {
        const [, column] = data.table?.inputs ?? [];
        const names = column?.kind === 'category' ? column.categories : [];
        t.deepEqual([...names].sort(), categories.sort());
        t.deepEqual(
          rowsOf(data).map(([n, index]) => [n, names[index as number]]),
          rows.map((each) => [Math.fround(each.n), each['key "x"\n']]),
        );
      }
    }),
    { numRuns: 60, seed: 5 },
  );
});
