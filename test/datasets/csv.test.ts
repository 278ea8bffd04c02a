import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { GradloomError, type GradloomErrorCode } from '../../lib/core/errors.ts';
import { csv } from '../../lib/datasets/index.ts';
import { wrongly } from '../api/errors.ts';
import { fileWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const FLOWERS = 'height,color,species\n1.5,red,rose\n2,blue,iris\n-3e1,red,rose\n';

test('numbers, one-hot categories in order, classes by name', async (t) => {
  const data = await csv(fileWith(t, FLOWERS), { target: 'species' });
  t.deepEqual(rowsOf(data), [
    [1.5, 0, 1],
    [2, 1, 0],
    [-30, 0, 1],
  ]);
  t.deepEqual(labelsOf(data), [1, 0, 1]);
  t.deepEqual(data.classNames, ['iris', 'rose']);
  t.deepEqual(data.table?.featureNames, ['height', 'color=blue', 'color=red']);
  t.deepEqual(data.table?.report, [
    'height: numbers',
    'color: 2 categories (line 2 holds "red")',
    'species: 2 categories',
  ]);
});

test('BOM, CRLF, blank lines, blanks around fields, quoted quotes, breaks and delimiters', async (t) => {
  const text = '\ufeffa,b\r\n 1 ,"x, ""y""\r\nz"\r\n\r\n+2., w \r\n';
  const data = await csv(fileWith(t, text));
  t.deepEqual(rowsOf(data), [
    [1, 0, 1],
    [2, 1, 0],
  ]);
  t.deepEqual(data.table?.featureNames, ['a', 'b=w', 'b=x, "y"\r\nz']);
});

test('one row, no end of line, another delimiter, no header, given names', async (t) => {
  t.deepEqual(rowsOf(await csv(fileWith(t, 'a;b\n1;2'), { delimiter: ';' })), [[1, 2]]);
  t.deepEqual(rowsOf(await csv(fileWith(t, 'a\tb\n1\t2\n'), { delimiter: '\t' })), [[1, 2]]);
  t.deepEqual(rowsOf(await csv(fileWith(t, '1,2\r3,4\r'), { header: 'none' })), [
    [1, 2],
    [3, 4],
  ]);
  const named = await csv(fileWith(t, '1,2\n'), { header: ['x', 'y'], columns: ['y'] });
  t.deepEqual([rowsOf(named), named.table?.featureNames], [[[2]], ['y']]);
});

test('thousands: groups of three digits before the decimals, and nothing else', async (t) => {
  const text = 'a;b\n1,234;x\n-2,345,678.5;x\n12;x\n0.25;x\n';
  const data = await csv(fileWith(t, text), { delimiter: ';', thousands: ',', columns: ['a'] });
  t.deepEqual(rowsOf(data), [[1234], [-2345678.5], [12], [0.25]]);
  const points = { delimiter: ';', decimal: ',', thousands: '.' } as const;
  t.deepEqual(rowsOf(await csv(fileWith(t, 'a;b\n1.234,5;2\n'), points)), [[1234.5, 2]]);
  for (const cell of ['12,34', '1,2345', ',123', '0,123', '1,234,56', '1234,567', '1,,234', '1,234e,5']) {
    const found = await csv(fileWith(t, `a\n"${cell}"\n`), { thousands: ',' });
    t.is(found.table?.inputs[0]?.kind, 'category', cell);
  }
  await t.throwsAsync(csv(fileWith(t, text), { decimal: ',', thousands: ',' }), {
    code: 'INVALID_OPTION',
    message: 'csv: decimal and thousands are both ","; numbers need two signs, or leave thousands out',
  });
});

test('columns are selected and ordered; target values, one or several', async (t) => {
  const file = fileWith(t, 'a,b,c,d\n1,2,3,x\n4,5,6,y\n');
  const one = await csv(file, { columns: ['c', 'a'], target: 'b', labelKind: 'values' });
  t.deepEqual(rowsOf(one), [
    [3, 1],
    [6, 4],
  ]);
  t.deepEqual(labelsOf(one), [Float32Array.of(2), Float32Array.of(5)]);
  const two = await csv(file, { columns: ['a'], target: ['c', 'b'] });
  t.deepEqual([two.labelShape, two.labelAt(1)], [[2], Float32Array.of(6, 5)]);
});

test('numeric classes keep the order of numbers', async (t) => {
  const data = await csv(fileWith(t, 'x,y\n1,10\n1,9\n1,2\n'), { target: 'y' });
  t.deepEqual(
    [data.classNames, labelsOf(data)],
    [
      ['2', '9', '10'],
      [2, 1, 0],
    ],
  );
});

test('a text behind numbers turns the column into categories from the start', async (t) => {
  const data = await csv(fileWith(t, 'a\n10\n9\nx\n9\n'), { categories: 'index' });
  t.deepEqual(rowsOf(data), [[0], [1], [2], [1]]);
  t.deepEqual(data.table?.report, ['a: 3 categories (line 4 holds "x")']);
});

test('missing values: the mean of the training file, zero, a category of their own', async (t) => {
  const file = fileWith(t, 'a,b,c,d\n1,NA,p,\n,3,,u\n4,,q,v\n');
  const data = await csv(file, { missing: { a: 'mean', b: 'zero', c: 'category', d: 'zero' } });
  t.deepEqual(data.table?.featureNames, ['a', 'b', 'c=p', 'c=q', 'c=(missing)', 'd=u', 'd=v']);
  t.deepEqual(rowsOf(data), [
    [1, 0, 1, 0, 0, 0, 0],
    [2.5, 3, 0, 0, 1, 1, 0],
    [4, 0, 0, 1, 0, 0, 1],
  ]);
  const marked = await csv(fileWith(t, 'a\n1\n-\n'), { missing: 'zero', missingMarks: ['-'] });
  t.deepEqual(rowsOf(marked), [[1], [0]]);
});

test('a column without any value is left out and said', async (t) => {
  const data = await csv(fileWith(t, 'a,,b\n1,,2\n3,,4\n'));
  t.deepEqual(rowsOf(data), [
    [1, 2],
    [3, 4],
  ]);
  t.is(data.table?.report[1], 'column 2: empty, left out, 2 missing');
});

test('a test file is read with the categories, fills and order of the training file', async (t) => {
  const train = await csv(fileWith(t, 'a,b,y\n1,p,no\n3,q,yes\n'), {
    target: 'y',
    missing: { a: 'mean', b: 'category' },
  });
  const held = await csv(fileWith(t, 'y,b,a,more\nyes,q,,1\nyes,,5,2\n'), { like: train });
  t.deepEqual(rowsOf(held), [
    [2, 0, 1, 0],
    [5, 0, 0, 1],
  ]);
  t.deepEqual(
    [held.classNames, labelsOf(held)],
    [
      ['no', 'yes'],
      [1, 1],
    ],
  );
  t.is(held.table, train.table);
  t.is(train.take(1).table, train.table);
  const bare = await csv(fileWith(t, 'b,a\nz,5\n'), { like: train, labelKind: 'none', unknown: 'missing' });
  t.deepEqual([bare.labelKind, rowsOf(bare)], ['none', [[5, 0, 0, 1]]]);
});

type Fault = readonly [text: string | Uint8Array, options: object, code: GradloomErrorCode, message: string];

const MISSING =
  'the value is missing; fill it by { missing: "zero" | "mean" | "category" }, or leave the column out by { columns }';

/** In messages FILE is the path. */
const FAULTS: readonly Fault[] = [
  ['', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  ['a,b\n', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  ['\n\n', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
  [
    'a,b\n1,2,3\n',
    {},
    'FILE_FORMAT',
    'FILE: line 2: has 3 fields, but there are 2 columns; check the delimiter (",") and the quotes',
  ],
  [
    'a,b\n1,2\n"x\n\ny",2\n1\n',
    {},
    'FILE_FORMAT',
    'FILE: line 6: has 1 fields, but there are 2 columns; check the delimiter (",") and the quotes',
  ],
  [
    'a,b\r\n"x\r\ny",2\r\n\r\n1\r\n',
    {},
    'FILE_FORMAT',
    'FILE: line 5: has 1 fields, but there are 2 columns; check the delimiter (",") and the quotes',
  ],
  [
    'a,a\n1,2\n',
    {},
    'FILE_FORMAT',
    'FILE: line 1: column 2 has the name "a" of column 1; rename it, or name the columns by { header }',
  ],
  [
    'a\n1\n"2\n3\n',
    {},
    'FILE_FORMAT',
    'FILE: line 3: a quote is opened in the record that begins here and never closed',
  ],
  [
    'a\n"1"2\n',
    {},
    'FILE_FORMAT',
    'FILE: line 2: a closing quote must be followed by a delimiter or the end of the line; within quotes a quote is written twice',
  ],
  [
    'a\n1"2\n',
    {},
    'FILE_FORMAT',
    'FILE: line 2: a quote stands within a field that does not begin with one; check the delimiter (","), quote the whole field, or give quote: "none"',
  ],
  [
    Uint8Array.of(0x61, 0x0a, 0x31, 0x0a, 0xff, 0x0a),
    {},
    'FILE_FORMAT',
    'FILE: at byte 4: the text is not UTF-8; save the file as UTF-8',
  ],
  [
    Uint8Array.of(0x61, 0x0a, 0xc3),
    {},
    'FILE_FORMAT',
    'FILE: at byte 3: the text is not UTF-8; save the file as UTF-8',
  ],
  ['a,b\n1,2\n3,\n', {}, 'INVALID_DATA', `FILE: line 3: column "b": ${MISSING}`],
  ['a,b\n1,\n,2\n', {}, 'INVALID_DATA', `FILE: line 2: column "b": ${MISSING}`],
  [
    'a,y\n1,p\n2,\n',
    { target: 'y' },
    'INVALID_DATA',
    'FILE: line 3: column "y": the value is missing; the target must be there in each; drop such rows',
  ],
  [
    'a,b\n1,2\n,3\n',
    { missing: 'category' },
    'INVALID_DATA',
    'FILE: line 3: column "a": the value is missing, and a column of numbers has no categories; fill it with "mean" or "zero"',
  ],
  [
    'a,b\np,2\n,3\n',
    { missing: 'mean' },
    'INVALID_DATA',
    'FILE: line 3: column "a": the value is missing, and categories have no mean; give { missing: { "a": "category" } }',
  ],
  [
    'a,b\np,2\n,3\n',
    { missing: 'zero', categories: 'index' },
    'INVALID_DATA',
    'FILE: line 3: column "a": the value is missing, and index 0 is a category; give { missing: { "a": "category" } }',
  ],
  [
    'a,b\n1,\n',
    { columns: ['b'], missing: 'mean' },
    'INVALID_DATA',
    'FILE: line 2: column "b": no value is there to take a mean of',
  ],
  ['a\n1\n1O\n', { types: { a: 'number' } }, 'INVALID_DATA', 'FILE: line 3: column "a": "1O" is no number'],
  [
    'a,y\n1,p\n',
    { target: 'y', labelKind: 'values' },
    'INVALID_DATA',
    'FILE: line 2: column "y": "p" is no number',
  ],
  [
    'a\n1\n1e39\n',
    {},
    'INVALID_DATA',
    'FILE: line 3: column "a": "1e39" is not finite as float32; rescale or drop it',
  ],
  [
    `a\n${Array.from({ length: 1001 }, (_, i) => `${i}`).join('\n')}\nx\n`,
    {},
    'INVALID_DATA',
    'FILE: column "a": has 1002 categories, more than the 1000 of a one-hot column; it is taken for categories since line 1003 holds "x"; leave it out by { columns }, or give { categories: { "a": "index" } }',
  ],
  [
    'price,b\n1,2\n',
    { target: 'prize' },
    'INVALID_OPTION',
    'csv: target names "prize", but FILE has no such column; did you mean "price"?',
  ],
  [
    'a,b\n1,2\n',
    { columns: ['c', 'a'] },
    'INVALID_OPTION',
    'csv: columns names "c", but FILE has no such column; did you mean "a"?',
  ],
  [
    'a,b\n1,2\n',
    { missing: { zebra: 'mean' } },
    'INVALID_OPTION',
    'csv: missing names "zebra", but FILE has no such column; there are a and b',
  ],
  [
    'a,b\n1,2\n',
    { columns: ['a'], target: 'a' },
    'INVALID_OPTION',
    'csv: columns must not hold the target "a"',
  ],
  [
    'a\n1\n2,5\n',
    { types: { a: 'number' }, delimiter: ';' },
    'INVALID_DATA',
    'FILE: line 3: column "a": "2,5" is no number with { decimal: "." }',
  ],
  ['a\n1\n', { target: 'a' }, 'INVALID_OPTION', 'csv: FILE has no column for the inputs'],
  [
    'a,b,y\n,,u\n,,v\n',
    { target: 'y' },
    'INVALID_OPTION',
    'csv: FILE has no column for the inputs: no value is in "a" and "b"',
  ],
  [
    'a;y\n1;u\n',
    { target: 'y' },
    'INVALID_OPTION',
    'csv: target names "y", but FILE has no such column; there is only a;y; is the delimiter ";"?',
  ],
  [
    'a\n1\n',
    { target: ['a'], labelKind: 'class' },
    'INVALID_OPTION',
    'csv: a list of targets needs labelKind "values"; name one column for classes',
  ],
  [
    'a\n1\n',
    { labelKind: 'class' },
    'INVALID_OPTION',
    'csv: labelKind "class" needs a target, the name of a column',
  ],
  ['a\n1\n', { quote: '""' }, 'INVALID_OPTION', 'csv: quote must be one character, or "none", got "\\"\\""'],
  [
    'a\n1\n',
    { like: {} },
    'INVALID_OPTION',
    'csv: like must be a dataset that was read from a table, or the table of a model, got an object',
  ],
  [
    'a\n1\n',
    { delimeter: ';' },
    'INVALID_OPTION',
    'csv: unknown option "delimeter"; did you mean "delimiter"?',
  ],
];

async function checkFault(t: ExecutionContext, [text, options, code, message]: Fault): Promise<void> {
  const path = fileWith(t, text);
  const error = await t.throwsAsync(csv(path, wrongly(options)));
  t.true(error instanceof GradloomError, String(error));
  t.like(error, { code, message: message.replace('FILE', path) });
}

for (const [index, fault] of FAULTS.entries()) {
  test(`fault ${index + 1}: ${fault[3]}`, (t) => checkFault(t, fault));
}

test('no file, and a folder', async (t) => {
  await t.throwsAsync(csv('/absent.csv'), {
    code: 'FILE_NOT_FOUND',
    message: '/absent.csv: there is no such file; check the path',
  });
  await t.throwsAsync(csv('/tmp'), {
    code: 'INVALID_OPTION',
    message: '/tmp: this is a folder; give the path of a file',
  });
});

test('a test file that differs from the training file', async (t) => {
  const like = await csv(fileWith(t, 'a,b,y\n1,p,0\n2,q,1\n'), { target: 'y' });
  const table = 'categories of the training data';
  for (const [text, options, code, message] of [
    [
      'a,b,y\n1,r,0\n',
      {},
      'INVALID_DATA',
      `FILE: line 2: column "b": "r" is none of the 2 ${table}; to read it as a missing value, give { unknown: "missing" }`,
    ],
    [
      'a,b,y\n1,p,2\n',
      { unknown: 'missing' },
      'INVALID_DATA',
      `FILE: line 2: column "y": "2" is none of the 2 ${table}`,
    ],
    ['a,b,y\n1,r,0\n', { unknown: 'missing' }, 'INVALID_DATA', `FILE: line 2: column "b": ${MISSING}`],
    ['a,b,y\nx,p,0\n', {}, 'INVALID_DATA', 'FILE: line 2: column "a": "x" is no number'],
    ['a,y\n1,0\n', {}, 'INVALID_DATA', 'FILE: has no column "b", which the training data have'],
    [
      'a,b\n1,p\n',
      {},
      'INVALID_DATA',
      'FILE: has no column "y", which the training data have; to read it without labels, give { labelKind: "none" }',
    ],
    ['a,b,y\n', {}, 'FILE_FORMAT', 'FILE: has no line of data'],
    ['a,b,y\n1,p,0\n', { target: 'y' }, 'INVALID_OPTION', 'csv: target comes with { like }; leave it out'],
  ] as const) {
    await checkFault(t, [text, { like, ...options }, code, message]);
  }
});

test('many rows are read in chunks', async (t) => {
  const count = 50_000;
  const lines = Array.from({ length: count }, (_, i) => `${i},"row ${i % 3}\n",${i % 7}`);
  const data = await csv(fileWith(t, `a,b,y\n${lines.join('\n')}\n`), { target: 'y' });
  t.is(data.length, count);
  t.deepEqual(
    [...data.at(count - 1).input],
    [count - 1, 0, 0, 1].map((v, i) => (i === 0 ? v : Number((count - 1) % 3 === i - 1))),
  );
});

test('property: any table of texts and numbers comes back', async (t) => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', ' '), maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), field), {
        minLength: 1,
        maxLength: 8,
      }),
      async (rows) => {
        const quoted = (text: string) => `"x${text.replaceAll('"', '""')}"`;
        const text = rows.map(([number, label]) => `${number},${quoted(label)}\n`).join('');
        const data = await csv(fileWith(t, `n,t\n${text}`), { categories: 'index' });
        const categories = [...new Set(rows.map(([, label]) => `x${label}`))].sort();
        t.deepEqual(
          rowsOf(data),
          rows.map(([number, label]) => [Math.fround(Number(`${number}`)), categories.indexOf(`x${label}`)]),
        );
      },
    ),
    { numRuns: 100, seed: 11 },
  );
});
