import test from 'ava';
import fc from 'fast-check';
import { GradloomError, type GradloomErrorCode } from '../../lib/core/errors.ts';
import { type Dataset, fromArrays } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';

/** For arguments that TypeScript would not let through. */
const fromAnything = fromArrays as (source: unknown) => Dataset;

const FOUR = Float32Array.of(1, 2, 3, 4);

test('typed arrays: values, labels and what is known of them', (t) => {
  const data = fromArrays({ inputs: FOUR, inputShape: [2], labels: Int32Array.of(2, 0) });
  t.is(data.length, 2);
  t.deepEqual(data.inputShape, [2]);
  t.is(data.labelKind, 'class');
  t.deepEqual(data.labelShape, []);
  t.is(data.classCount, 3);
  t.is(data.classNames, undefined);
  t.deepEqual(data.preprocessing, { scale: [1], shift: [0] });
  t.deepEqual(data.at(0), { input: Float32Array.of(1, 2), label: 2 });
  t.deepEqual(data.at(1), { input: Float32Array.of(3, 4), label: 0 });
  t.is(data.labelAt(0), 2);
  t.deepEqual(data.classCounts(), [1, 0, 1]);
});

test('uint8 stays uint8 on the way to the native side, and int32 labels int32', (t) => {
  const data = fromArrays({
    inputs: Uint8Array.of(0, 128, 255, 3),
    inputShape: [2, 1, 1],
    labels: Int32Array.of(1, 0),
    scale: 1 / 255,
    shift: -0.5,
  });
  t.deepEqual(nativeSamples(data), {
    inputs: Uint8Array.of(0, 128, 255, 3),
    count: 2,
    scale: Float32Array.of(1 / 255),
    shift: Float32Array.of(-0.5),
    labels: Int32Array.of(1, 0),
    labelSize: 1,
  });
  t.deepEqual(data.at(1).input, Float32Array.of(255 * (1 / 255) - 0.5, 3 * (1 / 255) - 0.5));
});

test('views of a dataset share its arrays and name their rows', (t) => {
  const data = fromArrays({ inputs: FOUR, inputShape: [1], labels: Uint8Array.of(0, 1, 0, 1) });
  const view = data.select([3, 1, 3]).take(2);
  const whole = nativeSamples(data);
  const part = nativeSamples(view);
  t.is(part.inputs, whole.inputs);
  t.is(part.labels, whole.labels);
  t.is(whole.indices, undefined);
  t.deepEqual(part.indices, Uint32Array.of(3, 1));
  t.is(part.count, 2);
});

test('samples without labels have none on the native side', (t) => {
  const data = fromArrays({ inputs: FOUR, inputShape: [4] });
  t.is(data.labelKind, 'none');
  t.deepEqual(Object.keys(nativeSamples(data)).sort(), ['count', 'inputs', 'scale', 'shift']);
  t.is(data.labelAt(0), undefined);
});

test('nested and flat rows give the same', (t) => {
  const flat = fromArrays({
    inputs: [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
    inputShape: [2, 1, 2],
  });
  const nested = fromArrays({
    inputs: [
      [[[1, 2]], [[3, 4]]],
      [[[5, 6]], [[7, 8]]],
    ],
    inputShape: [2, 1, 2],
  });
  const typed = fromArrays({ inputs: [Float64Array.of(1, 2, 3, 4), [5, 6, 7, 8]], inputShape: [2, 1, 2] });
  for (const data of [flat, nested, typed]) {
    t.deepEqual(nativeSamples(data).inputs, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  }
});

test('values as labels: one, several, shaped, and converted', (t) => {
  const base = { inputs: FOUR, inputShape: [2] } as const;
  const one = fromArrays({ ...base, labels: Float32Array.of(0.5, 1.5) });
  t.is(one.labelKind, 'values');
  t.deepEqual(one.labelShape, [1]);
  t.deepEqual(one.at(1).label, Float32Array.of(1.5));
  t.is(one.classCount, 0);

  const rows = fromArrays({
    ...base,
    labels: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  t.deepEqual(rows.labelShape, [3]);
  t.deepEqual(rows.labelAt(1), Float32Array.of(4, 5, 6));
  t.is(nativeSamples(rows).labelSize, 3);

  const shaped = fromArrays({ ...base, labels: Float32Array.of(1, 2, 3, 4), labelShape: [1, 2] });
  t.deepEqual(shaped.labelShape, [1, 2]);
  t.deepEqual(shaped.select([1]).labelAt(0), Float32Array.of(3, 4));

  const bytes = fromArrays({ ...base, labels: Uint8Array.of(0, 1), labelKind: 'values' });
  t.deepEqual(nativeSamples(bytes).labels, Float32Array.of(0, 1));
  const numbers = fromArrays({ ...base, labels: [0.25, -1], labelKind: 'values' });
  t.deepEqual(nativeSamples(numbers).labels, Float32Array.of(0.25, -1));
  const classes = fromArrays({ ...base, labels: Float32Array.of(1, 0), labelKind: 'class' });
  t.deepEqual(nativeSamples(classes).labels, Int32Array.of(1, 0));
});

test('scale and shift by channel', (t) => {
  const data = fromArrays({
    inputs: [[1, 2, 3, 4]],
    inputShape: [1, 2, 2],
    scale: [10, 100],
    shift: [0.5, -1],
  });
  t.deepEqual(data.at(0).input, Float32Array.of(10.5, 199, 30.5, 399));
});

test('class names fix the number of classes', (t) => {
  const data = fromArrays({ inputs: FOUR, inputShape: [2], labels: [0, 1], classNames: ['a', 'b', 'c'] });
  t.is(data.classCount, 3);
  t.deepEqual(data.classCounts(), [1, 1, 0]);
});

// ---------------------------------------------------------------------------------------------------------------
// Copies

test('inputs and labels are copied, also from shared and from resizable memory', (t) => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([1, 2]);
  const shrinking = new Resizable(2, { maxByteLength: 8 });
  const labels = new Uint8Array(shrinking);
  labels.set([0, 1]);
  const data = fromArrays({ inputs: shared, inputShape: [1], labels });
  shared.fill(9);
  shrinking.resize(1);
  t.deepEqual([data.at(0).input[0], data.at(1).input[0]], [1, 2]);
  t.deepEqual([data.labelAt(0), data.labelAt(1)], [0, 1]);
  const { inputs, labels: copied } = nativeSamples(data);
  t.true(inputs instanceof Float32Array && inputs.buffer instanceof ArrayBuffer);
  t.is(copied.byteLength, 2);
});

test('a view into a larger buffer gives only what it shows', (t) => {
  const data = fromArrays({ inputs: Float32Array.of(9, 1, 2, 9).subarray(1, 3), inputShape: [2] });
  t.deepEqual(nativeSamples(data).inputs, Float32Array.of(1, 2));
  t.is((nativeSamples(data).inputs as Float32Array).buffer.byteLength, 8);
});

test('a Buffer is uint8, and subclasses do not get to choose what is copied', (t) => {
  class Odd extends Float32Array {
    static get [Symbol.species](): never {
      throw new Error('asked for the species');
    }
    override slice(): never {
      throw new Error('asked to slice');
    }
  }
  t.deepEqual(
    nativeSamples(fromArrays({ inputs: Buffer.from([1, 2]), inputShape: [2] })).inputs,
    Uint8Array.of(1, 2),
  );
  t.deepEqual(nativeSamples(fromArrays({ inputs: new Odd(2), inputShape: [2] })).inputs, new Float32Array(2));
});

test('what a dataset says of itself cannot be changed', (t) => {
  const data = fromArrays({ inputs: FOUR, inputShape: [2], labels: [0, 1], classNames: ['a', 'b'] });
  t.true(Object.isFrozen(data));
  for (const part of [data.inputShape, data.classNames, data.preprocessing.scale, data.preprocessing.shift]) {
    t.true(Object.isFrozen(part));
  }
  t.true(Object.isFrozen(data.preprocessing));
});

// ---------------------------------------------------------------------------------------------------------------
// Refused arguments

function detached<Data extends ArrayBufferView>(array: Data): Data {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

/** In the types from ES2024 on. */
interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}

const Resizable = ArrayBuffer as unknown as new (
  length: number,
  options: { readonly maxByteLength: number },
) => ResizableBuffer;

function outOfBounds(): Float32Array {
  const buffer = new Resizable(16, { maxByteLength: 16 });
  const view = new Float32Array(buffer, 8, 2);
  buffer.resize(4);
  return view;
}

const GONE = 'has no values; it is empty, or its buffer was transferred away or made smaller';
const CLASSES = 'for target values give a Float32Array, an array for each sample or labelKind "values"';
const SHAPE_RULE = 'inputShape must be the shape of one sample without the batch, such as [4] or [28, 28, 1]';

const base = { inputs: FOUR, inputShape: [2], labels: [0, 1] };

const REFUSED: readonly (readonly [source: unknown, code: GradloomErrorCode, message: string])[] = [
  [
    undefined,
    'INVALID_OPTION',
    'inputs is missing; it must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples',
  ],
  [
    7,
    'INVALID_OPTION',
    'options must be an object with inputs, inputShape, labels, labelKind, labelShape, classNames, sampleWeights, scale, shift and memory, got 7',
  ],
  [{ ...base, label: [1] }, 'INVALID_OPTION', 'unknown option "label"; did you mean "labels"?'],
  [
    { inputs: FOUR },
    'INVALID_OPTION',
    `inputShape is missing; it must be the shape of one sample without the batch, such as [4] or [28, 28, 1]`,
  ],
  [
    { ...base, inputs: 'abc' },
    'INVALID_OPTION',
    'inputs must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples, got "abc"',
  ],
  [
    { ...base, inputs: new Float64Array(4) },
    'INVALID_OPTION',
    'inputs must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples, got Float64Array(4)',
  ],
  [
    { ...base, inputs: new Int8Array(4) },
    'INVALID_OPTION',
    'inputs must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples, got Int8Array(4)',
  ],
  [
    { ...base, inputs: new ArrayBuffer(4) },
    'INVALID_OPTION',
    'inputs must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples, got an object of class ArrayBuffer',
  ],
  [
    { ...base, inputs: { length: 4 } },
    'INVALID_OPTION',
    'inputs must be a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples, got an object',
  ],
  // Shapes
  [{ ...base, inputShape: 2 }, 'INVALID_OPTION', `${SHAPE_RULE}, got 2`],
  [{ ...base, inputShape: [] }, 'INVALID_OPTION', `${SHAPE_RULE}, got []`],
  [{ ...base, inputShape: [0] }, 'INVALID_OPTION', `${SHAPE_RULE}, got [0]`],
  [{ ...base, inputShape: [-2] }, 'INVALID_OPTION', `${SHAPE_RULE}, got [-2]`],
  [{ ...base, inputShape: [Number.NaN] }, 'INVALID_OPTION', `${SHAPE_RULE}, got [NaN]`],
  [{ ...base, inputShape: [2.5] }, 'INVALID_OPTION', `${SHAPE_RULE}, got [2.5]`],
  [{ ...base, inputShape: [2 ** 53] }, 'INVALID_OPTION', `${SHAPE_RULE}, got [9007199254740992]`],
  [{ ...base, inputShape: ['2'] }, 'INVALID_OPTION', `${SHAPE_RULE}, got an array of 1`],
  [{ ...base, inputShape: [2 ** 30, 2 ** 30] }, 'SHAPE_TOO_LARGE', ''],
  [
    { ...base, inputShape: [2 ** 31 - 1] },
    'SHAPE_MISMATCH',
    'inputs has 4 values; expected a multiple of 2147483647 for inputShape [2147483647], of at most 2147483647 samples',
  ],
  [
    { ...base, inputShape: [3] },
    'SHAPE_MISMATCH',
    'inputs has 4 values; expected a multiple of 3 for inputShape [3], of at most 2147483647 samples',
  ],
  // Emptiness
  [{ ...base, inputs: new Float32Array(0) }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, inputs: new Uint8Array(0) }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, inputs: detached(new Float32Array(4)) }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, inputs: detached(new Uint8Array(4)) }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, inputs: outOfBounds() }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, inputs: [] }, 'INVALID_DATA', `inputs ${GONE}`],
  [{ ...base, labels: detached(new Uint8Array(2)) }, 'INVALID_DATA', `labels ${GONE}`],
  [{ ...base, labels: [] }, 'INVALID_DATA', `labels ${GONE}`],
  [{ ...base, labels: new Float32Array(0) }, 'INVALID_DATA', `labels ${GONE}`],
  // Numbers
  [
    { ...base, inputs: Float32Array.of(1, 2, Number.NaN, 4) },
    'INVALID_DATA',
    'inputs must be finite float32 numbers, but value 0 of sample 1 is NaN; mend or drop such samples',
  ],
  [
    { inputs: new Float32Array(3000).fill(Number.NaN, 2999), inputShape: [1000] },
    'INVALID_DATA',
    'inputs must be finite float32 numbers, but value 999 of sample 2 is NaN; mend or drop such samples',
  ],
  [
    { ...base, inputs: Float32Array.of(1, Number.NEGATIVE_INFINITY, 3, 4) },
    'INVALID_DATA',
    'inputs must be finite float32 numbers, but value 1 of sample 0 is -Infinity; mend or drop such samples',
  ],
  [
    {
      ...base,
      inputs: [
        [1, 2],
        [3, 1e39],
      ],
    },
    'INVALID_DATA',
    'inputs must be finite float32 numbers, but value 1 of sample 1 is Infinity; mend or drop such samples',
  ],
  [
    {
      ...base,
      inputs: [
        [1, 2],
        [3, '4'],
      ],
    },
    'INVALID_DATA',
    'inputs[1][1] must be a number, got "4"',
  ],
  [
    {
      ...base,
      inputs: [
        [1, 2],
        [3, null],
      ],
    },
    'INVALID_DATA',
    'inputs[1][1] must be a number, got null',
  ],
  [
    {
      ...base,
      inputs: [[1, 2], Object.assign(new Array(2), [3])],
    },
    'INVALID_DATA',
    'inputs[1][1] must be a number, got undefined',
  ],
  [
    {
      ...base,
      inputs: [
        [1, 2],
        [3, 4n],
      ],
    },
    'INVALID_DATA',
    'inputs[1][1] must be a number, got 4n',
  ],
  [
    {
      ...base,
      inputs: [
        [1, 2],
        [3, [4]],
      ],
    },
    'INVALID_DATA',
    'inputs[1][1] must be a number, got [4]',
  ],
  // Rows
  [{ ...base, inputs: [1, 2, 3, 4] }, 'SHAPE_MISMATCH', 'inputs[0] must be an array of 2, got 1'],
  [{ ...base, inputs: [[1, 2], [3]] }, 'SHAPE_MISMATCH', 'inputs[1] must be an array of 2, got [3]'],
  [
    {
      ...base,
      inputs: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
    'SHAPE_MISMATCH',
    'inputs[0] must be an array of 2, got [1, 2, 3]',
  ],
  [
    { ...base, inputs: [[1, 2], undefined] },
    'SHAPE_MISMATCH',
    'inputs[1] must be an array of 2, got undefined',
  ],
  [{ ...base, inputs: [[], []] }, 'SHAPE_MISMATCH', 'inputs[0] must be an array of 2, got []'],
  [{ ...base, inputs: ['ab', 'cd'] }, 'SHAPE_MISMATCH', 'inputs[0] must be an array of 2, got "ab"'],
  [
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
        [[5, 6], [7]],
      ],
      inputShape: [2, 2],
    },
    'SHAPE_MISMATCH',
    'inputs[1][1] must be an array of 2, got [7]',
  ],
  [
    { inputs: [[[1, 2]]], inputShape: [2, 2] },
    'SHAPE_MISMATCH',
    'inputs[0] must be an array of 2, got an array of 1',
  ],
  [
    { inputs: [[[1], [2]]], inputShape: [2, 2] },
    'SHAPE_MISMATCH',
    'inputs[0][0] must be an array of 2, got [1]',
  ],
  [
    { inputs: [[1]], inputShape: [2 ** 20, 2 ** 20] },
    'SHAPE_MISMATCH',
    'inputs[0] must be an array of 1099511627776, got [1]',
  ],
  // Labels
  [
    { ...base, labels: 'ab' },
    'INVALID_OPTION',
    'labels must be a Uint8Array, an Int32Array, a Float32Array or an array, got "ab"',
  ],
  [
    { ...base, labels: new Uint16Array(2) },
    'INVALID_OPTION',
    'labels must be a Uint8Array, an Int32Array, a Float32Array or an array, got Uint16Array(2)',
  ],
  [
    { ...base, labels: [0] },
    'SHAPE_MISMATCH',
    'labels has 1 values; expected one class for each of 2 samples',
  ],
  [
    { ...base, labels: new Uint8Array(3) },
    'SHAPE_MISMATCH',
    'labels has 3 values; expected one class for each of 2 samples',
  ],
  [
    { ...base, labels: [0, 1.5] },
    'INVALID_DATA',
    `labels[1] must be a class, an integer from 0, got 1.5; ${CLASSES}`,
  ],
  [
    { ...base, labels: [0, Number.NaN] },
    'INVALID_DATA',
    `labels[1] must be a class, an integer from 0, got NaN; ${CLASSES}`,
  ],
  [
    { ...base, labels: ['0', '1'] },
    'INVALID_DATA',
    `labels[0] must be a class, an integer from 0, got "0"; ${CLASSES}`,
  ],
  [
    { ...base, labels: [0, 2 ** 31] },
    'INVALID_DATA',
    `labels[1] must be a class, an integer from 0, got 2147483648; ${CLASSES}`,
  ],
  [
    {
      ...base,
      labels: [
        [1, 0],
        [0, 1],
      ],
      labelKind: 'class',
    },
    'INVALID_DATA',
    `labels[0] must be a class, an integer from 0, got [1, 0]; ${CLASSES}`,
  ],
  [
    { ...base, labels: [0, -1] },
    'LABEL_OUT_OF_RANGE',
    'labels[1] is -1; classes are integers from 0 to 16777215',
  ],
  [
    { ...base, labels: Int32Array.of(-5, 0) },
    'LABEL_OUT_OF_RANGE',
    'labels[0] is -5; classes are integers from 0 to 16777215',
  ],
  [
    { ...base, labels: Int32Array.of(0, 2 ** 24) },
    'LABEL_OUT_OF_RANGE',
    'labels[1] is 16777216; classes are integers from 0 to 16777215',
  ],
  [
    { ...base, labels: [0, 2], classNames: ['a', 'b'] },
    'LABEL_OUT_OF_RANGE',
    'labels[1] is 2; classes are integers from 0 to 1, the last of classNames',
  ],
  [
    { ...base, labels: Float32Array.of(1, 2, 3) },
    'SHAPE_MISMATCH',
    'labels has 3 values; expected equally many for each of 2 samples',
  ],
  [
    { ...base, labels: Float32Array.of(1) },
    'SHAPE_MISMATCH',
    'labels has 1 values; expected equally many for each of 2 samples',
  ],
  [
    { ...base, labels: Float32Array.of(1, 2), labelShape: [2] },
    'SHAPE_MISMATCH',
    'labels has 2 values; expected the values of [2] for each of 2 samples',
  ],
  [{ ...base, labels: [[1, 2], [3]] }, 'SHAPE_MISMATCH', 'labels[1] must be an array of 2, got [3]'],
  [
    { ...base, labels: [[1, 2]] },
    'SHAPE_MISMATCH',
    'labels has 1 values; expected one row for each of 2 samples',
  ],
  [
    { ...base, labels: [[1], [Number.NaN]] },
    'INVALID_DATA',
    'labels must be finite float32 numbers, but value 0 of sample 1 is NaN; mend or drop such samples',
  ],
  [
    { ...base, labels: Float32Array.of(1, 2, 3, Number.POSITIVE_INFINITY) },
    'INVALID_DATA',
    'labels must be finite float32 numbers, but value 1 of sample 1 is Infinity; mend or drop such samples',
  ],
  [
    { ...base, labelKind: 'none' },
    'INVALID_OPTION',
    'labelKind is "none", but there are labels; leave one of them out',
  ],
  [
    { ...base, labels: undefined, labelKind: 'class' },
    'INVALID_OPTION',
    'labelKind is "class", but labels is missing',
  ],
  [
    { ...base, labelKind: 'classes' },
    'INVALID_OPTION',
    'labelKind must be "class", "values" or "none", got "classes"',
  ],
  [
    { ...base, labelShape: [1] },
    'INVALID_OPTION',
    'labelShape needs labels of values, but labelKind is "class"',
  ],
  [
    { ...base, labels: undefined, classNames: ['a'] },
    'INVALID_OPTION',
    'classNames need class labels, but labelKind is "none"',
  ],
  [{ ...base, classNames: [] }, 'INVALID_OPTION', 'classNames must be an array of different strings, got []'],
  [
    { ...base, classNames: ['a', 'a'] },
    'INVALID_OPTION',
    'classNames must be an array of different strings, got an array of 2',
  ],
  [
    { ...base, classNames: [1, 2] },
    'INVALID_OPTION',
    'classNames must be an array of different strings, got [1, 2]',
  ],
  // Scale and shift
  [
    { ...base, scale: Number.NaN },
    'INVALID_OPTION',
    'scale must be a finite number, or an array of one for each index of the last axis, got NaN',
  ],
  [
    { ...base, scale: 1e39 },
    'INVALID_OPTION',
    'scale must be a finite number, or an array of one for each index of the last axis, got 1e+39',
  ],
  [
    { ...base, shift: '1' },
    'INVALID_OPTION',
    'shift must be a finite number, or an array of one for each index of the last axis, got "1"',
  ],
  [{ ...base, scale: [1, 2, 3] }, 'SHAPE_MISMATCH', 'scale has 3 values; give 1, or 2 for the last axis'],
  [{ ...base, shift: [] }, 'SHAPE_MISMATCH', 'shift has 0 values; give 1, or 2 for the last axis'],
];

for (const [index, [source, code, message]] of REFUSED.entries()) {
  test(`refused ${index}: ${code} ${message}`, (t) => {
    const error = t.throws(() => fromAnything(source), { instanceOf: GradloomError, code });
    if (message !== '') t.is(error.message, `fromArrays: ${message}`);
  });
}

test('property: whatever the arguments, a dataset or a documented error', (t) => {
  const scalar = fc.oneof(
    fc.constantFrom(0, 1, 2, -0, -1, Number.NaN, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY),
    fc.constantFrom(null, undefined, '1', {}, 1n, Symbol.iterator, () => 1),
  );
  const list = fc.oneof(
    fc.array(scalar, { maxLength: 6 }),
    fc.array(fc.array(fc.oneof(fc.nat(3), scalar), { maxLength: 3 }), { maxLength: 3 }),
    fc.float32Array({ maxLength: 6 }),
    fc.uint8Array({ maxLength: 6 }),
    fc.int32Array({ maxLength: 6 }),
    scalar,
  );
  const source = fc.record(
    {
      inputs: list,
      inputShape: list,
      labels: list,
      labelKind: fc.constantFrom('class', 'values', 'none', 1),
      labelShape: list,
      classNames: list,
      scale: list,
      shift: list,
    },
    { requiredKeys: [] },
  );
  const codes = ['INVALID_OPTION', 'INVALID_DATA', 'SHAPE_MISMATCH', 'SHAPE_TOO_LARGE', 'LABEL_OUT_OF_RANGE'];
  fc.assert(
    fc.property(source, (given) => {
      try {
        const data = fromAnything(given);
        for (let place = 0; place < data.length; place++) data.at(place);
      } catch (error) {
        t.true(error instanceof GradloomError && codes.includes(error.code), String(error));
      }
    }),
    { numRuns: 5000, seed: 5 },
  );
  t.pass();
});
