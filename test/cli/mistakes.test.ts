/** What users do wrong: each ends with its code, a message that helps, and nothing written. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { fixture, gradloom, makeFolder } from './command.ts';

const FILES: Readonly<Record<string, string>> = {
  'empty.csv': '',
  'header.csv': 'a,b,y\n',
  'one.csv': 'a,b,y\n1,2,x\n',
  'ragged.csv': 'a,b,y\n1,2,x\n3,4\n',
  'gap.csv': 'a,b,y\n1,2,x\n3,4,\n5,6,z\n',
  'unlabelled.csv': 'a,y\n1,\n2,\n',
  'lone.csv': 'a,y\n1,x\n2,\n',
  'columns.json': '{"a":{"0":1,"1":2},"y":{"0":"x","1":"z"}}',
  'same.csv': 'a,b,y\n1,2,x\n3,4,x\n',
  'own.csv': 'a,b,y\n1,2,x\n3,4,z\n5,6,w\n',
  'plain.csv': '1,2,0\n3,4,1\n5,6,0\n',
  'twin.csv': 'a,b,a,y\n1,2,3,x\n4,5,6,z\n',
  'quote.csv': 'a,y\n1"2,x\n3,z\n',
  'price.csv': `y,x\n${Array.from({ length: 20 }, (_, i) => `$${100 + i},${i}`).join('\n')}\n`,
  'signs.csv': 'a;y\n1;2,5\n2;x\n3;4,5\n',
  'nested.ndjson': `${Array.from({ length: 20 }, (_, i) => `{"a":${i},"b":{"c":1},"y":"${i % 2}"}`).join('\n')}\n`,
  'zero.svm': '1 0:1 3:2\n0 0:2 3:1\n',
};

const MISTAKES: readonly (readonly [args: string, code: number, message: RegExp])[] = [
  [
    'train nowhere.csv --target y',
    3,
    /there is no such file or folder, and no set of this name \(there are iris, /,
  ],
  ['train one.csv', 2, /name the column to predict with --target <column>; there are a, b and y/],
  ['train empty.csv --target y', 3, /empty\.csv: has no line of data/],
  ['train header.csv --target y', 3, /header\.csv: has no line of data below its header/],
  ['train one.csv --target y', 3, /has 1 row, which is nothing to learn from/],
  ['train ragged.csv --target y', 3, /line 3: has 2 fields, but there are 3 columns/],
  [
    'train gap.csv --target y --missing error',
    3,
    /line 3: column "y": the value is missing; the target must be there in each/,
  ],
  [
    'train unlabelled.csv --target y',
    3,
    /the target "y" holds no value at all; gradloom predict takes rows without it/,
  ],
  ['train lone.csv --target y', 3, /has 1 row with a target, which is nothing to learn from/],
  ['train same.csv --target y', 3, /the target "y" is "x" in each row/],
  ['train own.csv --target y', 3, /has 3 classes in 3 rows, too few rows of each/],
  ['train plain.csv --target y', 2, /has no column "y".*if there is no header, give --no-header/],
  ['train book.csv --target y', 3, /a ZIP file, as \.xlsx workbooks are: export the table as CSV/],
  ['train iris --optimizer adagrat', 2, /--optimizer cannot be "adagrat"; did you mean "adagrad"\?/],
  [
    'train plain.csv --model wide-and-deep --wide-optimizer adagrat',
    2,
    /--wide-optimizer cannot be "adagrat"; did you mean "adagrad"\?/,
  ],
  [
    'train iris --wide-optimizer ftrl',
    2,
    /is for the linear part of --model wide-and-deep; other models have one/,
  ],
  ['train iris --wide-set l1=1', 2, /--wide-set is for --wide-optimizer; name one/],
  [
    'train iris --epochs 0',
    2,
    /'-e, --epochs <n>' argument '0' is invalid\. It must be an integer of at least 1\./,
  ],
  ['train iris --epoch 3', 2, /unknown option '--epoch'\n\(Did you mean --epochs\?\)/],
  ['train iris --model cnn', 2, /--model cnn is for pictures; rows of a table take linear or mlp/],
  ['train iris --optimizer sgd --learning-rate 1e30', 5, /not finite/],
  ['predict nowhere.safetensors one.csv', 3, /nowhere\.safetensors/],
  // Remedies are options of the command, not of the API.
  ['train nested.ndjson --target y', 3, /column "b": holds an object; .* leave the column out by --ignore$/m],
  ['train nested.ndjson --target y --ignore b --model cnn', 2, /rows of a table take linear or mlp/],
  [
    'predict plain.csv one.csv',
    3,
    /plain\.csv: .* a text that begins with "1,2,0\\n3,", and no model; give a file that train wrote/,
  ],
  [
    'train twin.csv --target y',
    3,
    /has the name "a" of column 1; rename it, or give --no-header if that line is data/,
  ],
  [
    'train quote.csv --target y',
    3,
    /check the delimiter \(",", see --delimiter\) and quote the whole field$/m,
  ],
  ['train gap.csv --target a --ignore y,b --missing error', 3, /no column is left/],
  [
    'train zero.svm --first-feature 1',
    3,
    /line 1: feature 0 does not exist where features count from 1; give --first-feature 0/,
  ],
  [
    'train price.csv --target y',
    3,
    /20 classes in 20 rows.* but "\$100" in line 2 is no number; write such cells as plain/,
  ],
  ['train columns.json --target y', 3, /is a spec with data, model and trainer.* rows are a list of objects/],
  ['train zero.svm --first-feature 2', 2, /argument '2' is invalid\. It must be 0 or 1\./],
  ['train /dev/null --target y', 2, /is no file but a pipe or a device.* write them to a file first/],
  ['train signs.csv --target y --task regression', 3, /line 3: column "y": "x" is no number$/m],
  [
    'train iris --out nowhere/m.safetensors',
    2,
    /--out nowhere\/m\.safetensors: there is no folder nowhere; create it first/,
  ],
  ['train iris --out .', 2, /--out \. is a folder; name a file in it/],
  ['train nowhere.csv --set momentum=1', 2, /adagrad: unknown option "momentum"/],
  ['train plain.csv --no-header --target column', 2, /has no column "column"; did you mean "column 1"\?$/m],
  ['trian iris', 2, /unknown command 'trian'\n\(Did you mean train\?\)/],
];

test('mistakes end with their code and a message that helps', async (t) => {
  const folder = await makeFolder(t);
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'book.csv'), Buffer.from([0x50, 0x4b, 3, 4, 0xff, 0xfe]));
  const [half, rest] = [MISTAKES.slice(0, 9), MISTAKES.slice(9)];
  const check = async (mistakes: typeof MISTAKES) => {
    for (const [args, code, message] of mistakes) {
      const outcome = await gradloom(folder, ...args.split(' '));
      t.is(outcome.code, code, `${args}: ${outcome.stderr}`);
      t.regex(outcome.stderr, message, args);
      t.notRegex(outcome.stderr, /^ +at /m, args);
    }
  };
  await Promise.all([check(half), check(rest)]);
  t.deepEqual((await readdir(folder)).sort(), [...Object.keys(FILES), 'book.csv'].sort());
});

test('with --json a program reads what was wrong', async (t) => {
  const { code, stdout } = await gradloom(
    await makeFolder(t),
    'train',
    fixture('visits.csv'),
    '--target',
    'bougt',
    '--json',
  );
  t.is(code, 2);
  const { error } = JSON.parse(stdout);
  t.is(error.code, 'INVALID_OPTION');
  t.regex(error.message, /has no column "bougt"; did you mean "bought"\?/);
});

test('the help teaches, and says how a process ends', async (t) => {
  const folder = await makeFolder(t);
  const [help, train, version] = await Promise.all([
    gradloom(folder, '--help'),
    gradloom(folder, 'train', '--help'),
    gradloom(folder, '--version'),
  ]);
  t.is(help.code, 0);
  for (const word of ['train', 'predict', 'evaluate', 'inspect', 'bench', 'info', 'Exit codes', '130']) {
    t.true(help.stdout.includes(word), word);
  }
  t.regex(train.stdout, /Examples:\n {2}\$ gradloom train iris/);
  t.regex(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test('info and bench give plain data', async (t) => {
  const folder = await makeFolder(t);
  const facts = JSON.parse((await gradloom(folder, 'info', '--json')).stdout);
  t.is(facts.node, process.version);
  const bench = JSON.parse(
    (await gradloom(folder, 'bench', '--seconds', '0.01', '--threads', '1', '--json')).stdout,
  );
  t.true(bench.results.length >= 3);
  t.true(bench.results.every(({ samplesPerSecond }: { samplesPerSecond: number }) => samplesPerSecond > 0));
});
