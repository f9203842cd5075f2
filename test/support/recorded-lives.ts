/** Lives of workflows as they happen in production, each lived once on a real server so that its histories can be kept. */
import { FIRST_ISSUANCE } from './lives/first-issuance.ts';
import { INTERVENTIONS } from './lives/interventions.ts';
import type { Life } from './lives/life.ts';
import { WHOLE_LIFE } from './lives/whole-life.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** Lives that could first be lived with each shape. */
const NEW_LIVES: Readonly<Record<Shape, readonly Life[]>> = {
  'first-issuance': FIRST_ISSUANCE,
  'whole-life': [...WHOLE_LIFE, ...INTERVENTIONS],
};

/** What the recordings of a shape consist of: its own lives and those of all shapes before it. */
export function livesOf(shape: Shape): readonly Life[] {
  return SHAPES.slice(0, SHAPES.indexOf(shape) + 1).flatMap((earlier) => NEW_LIVES[earlier]);
}
