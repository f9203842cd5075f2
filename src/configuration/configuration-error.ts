import { counted } from '../failures/counted.ts';
import { CertmanError } from '../failures/failure.ts';

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with one setting. */
export interface ConfigurationProblem {
  readonly setting: string;
  /** Shortened; absent when the setting is not set. */
  readonly found?: string;
  /** Where `expected` does not say what is wrong. */
  readonly reason?: string;
  readonly expected: string;
}

/** Wrong configuration, with every problem; `code` is `configuration/invalid`. */
export class ConfigurationError extends CertmanError {
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    const lines = problems.map((problem) => `  ${describeProblem(problem)}`);
    const count = `${counted(problems.length, 'setting')} ${problems.length === 1 ? 'is' : 'are'}`;
    super({
      code: 'configuration/invalid',
      message: `${count} wrong:\n${lines.join('\n')}`,
      remedy:
        'Correct the settings and start again; they are described in docs/configuration.md and by "certman config".',
    });
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

function describeProblem(problem: ConfigurationProblem): string {
  const found = problem.found === undefined ? 'is not set' : `is ${JSON.stringify(problem.found)}`;
  return `${problem.setting} ${problem.reason ?? found}; expected ${problem.expected}`;
}
