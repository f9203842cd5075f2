/** Everything that is recorded: scenarios of production, each run once on a real server. */
import { BUDGET } from './budget.ts';
import { CAMPAIGNS } from './campaigns.ts';
import { EVERYDAY } from './everyday.ts';
import { EXCEPTIONAL } from './exceptional.ts';
import { INTERVENTIONS } from './interventions.ts';
import { RENEWAL_WINDOWS } from './renewal-windows.ts';
import type { HistoryScenario } from './scenario.ts';

/** Every scenario, each with a name of its own. */
export const SCENARIOS: readonly HistoryScenario[] = [
  ...EVERYDAY,
  ...EXCEPTIONAL,
  ...INTERVENTIONS,
  ...BUDGET,
  ...CAMPAIGNS,
  ...RENEWAL_WINDOWS,
];
