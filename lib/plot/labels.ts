/** Texts beside points, placed so that they stay out of each other's way. */

interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedLabel {
  readonly text: string;
  /** Of the text's middle, in pixels from its point; down is positive. */
  readonly dx: number;
  readonly dy: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Of a character on average, at a height of one. */
const CHARACTER = 0.58;
const GAP = 5;

/**
 * Tries, point by point, above, below, right and left. A text that covers others everywhere is left out (its text is
 * empty), so what can be read is right.
 */
export function placeLabels(
  points: readonly Point[],
  texts: readonly string[],
  fontSize: number,
): PlacedLabel[] {
  const taken: Box[] = points.map(({ x, y }) => ({ left: x - 3, right: x + 3, top: y - 3, bottom: y + 3 }));
  return points.map(({ x, y }, i) => {
    const text = texts[i] as string;
    const half = { width: (text.length * fontSize * CHARACTER) / 2, height: fontSize / 2 };
    const tries = [
      { dx: 0, dy: -(GAP + half.height) },
      { dx: 0, dy: GAP + half.height },
      { dx: GAP + half.width, dy: 0 },
      { dx: -(GAP + half.width), dy: 0 },
    ];
    for (const { dx, dy } of tries) {
      const box = {
        left: x + dx - half.width,
        right: x + dx + half.width,
        top: y + dy - half.height,
        bottom: y + dy + half.height,
      };
      if (taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      return { text, dx, dy };
    }
    return { text: '', dx: 0, dy: 0 };
  });
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
