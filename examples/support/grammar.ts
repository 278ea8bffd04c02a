/** A small language: words of a class stand in the same places, so their vectors have to come near each other. */
import type { Random } from './random.ts';

export const CLASSES = {
  people: ['anna', 'bob', 'clara', 'david', 'emma', 'frank'],
  making: ['cooks', 'buys', 'serves', 'tastes'],
  food: ['bread', 'soup', 'cheese', 'rice', 'cake', 'salad'],
  looks: ['small', 'old', 'grey', 'wild'],
  animals: ['dog', 'cat', 'horse', 'fox', 'bear'],
  moving: ['runs', 'walks', 'jumps', 'swims'],
  places: ['forest', 'river', 'village', 'garden', 'hill'],
} as const;

type ClassName = keyof typeof CLASSES;

const SENTENCES: readonly (readonly (ClassName | `=${string}`)[])[] = [
  ['people', 'making', '=the', 'food'],
  ['=the', 'looks', 'animals', 'moving', '=to', '=a', 'places'],
  ['people', 'making', '=some', 'food', '=for', 'people'],
  ['=in', '=a', 'places', '=the', 'looks', 'animals', 'moving'],
];

export function makeSentences(random: Random, count: number): string[][] {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  return Array.from({ length: count }, () =>
    pick(SENTENCES).map((part) =>
      part.startsWith('=') ? part.slice(1) : pick<string>(CLASSES[part as ClassName]),
    ),
  );
}
