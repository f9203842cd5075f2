/** Lives of workflows as they happen in production, each lived once on a real server so that its histories can be kept. */
import { FIRST_ISSUANCE } from './scenarios/first-issuance.ts';
import { INTERVENTIONS } from './scenarios/interventions.ts';
import type { HistoryScenario } from './scenarios/scenario.ts';
import { WHOLE_LIFE } from './scenarios/whole-life.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** Lives that could first be lived with each shape. */
const SCENARIOS_OF_SHAPE: Readonly<Record<Shape, readonly HistoryScenario[]>> = {
  'first-issuance': FIRST_ISSUANCE,
  'whole-life': [...WHOLE_LIFE, ...INTERVENTIONS],
};

/** What the recordings of a shape consist of: its own lives and those of all shapes before it. */
export function scenariosOf(shape: Shape): readonly HistoryScenario[] {
  return SHAPES.slice(0, SHAPES.indexOf(shape) + 1).flatMap((earlier) => SCENARIOS_OF_SHAPE[earlier]);
}
