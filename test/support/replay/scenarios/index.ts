/** Everything that is recorded: scenarios of production, each run once on a real server. */
import { EVERYDAY } from './everyday.ts';
import { EXCEPTIONAL } from './exceptional.ts';
import { INTERVENTIONS } from './interventions.ts';
import type { HistoryScenario } from './scenario.ts';

export const SCENARIOS: readonly HistoryScenario[] = [...EVERYDAY, ...EXCEPTIONAL, ...INTERVENTIONS];
