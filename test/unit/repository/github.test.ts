/** What GitHub reads of the repository: workflows, dependency updates, issue forms. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { exists, filesBelow, filesIn, read } from './files.ts';

/** Strict: a duplicate key is an error. */
const readYaml = (file: string): unknown => parse(read(file), { strict: true });

const WORKFLOWS = '.github/workflows';
const FORMS = '.github/ISSUE_TEMPLATE';

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly uses?: string;
  readonly needs?: readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string };
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflow = (file: string): Workflow => readYaml(`${WORKFLOWS}/${file}`) as Workflow;
const stepsOf = ({ jobs }: Workflow): readonly Step[] => Object.values(jobs).flatMap(({ steps = [] }) => steps);

describe.each(filesIn(WORKFLOWS, '.yml'))('workflow %s', (file) => {
  const { concurrency, jobs, permissions } = workflow(file);
  const steps = stepsOf(workflow(file));

  test('grants no permission to write to all of its jobs', () => {
    expect(Object.values(permissions)).not.toContain('write');
  });

  test('has a concurrency group', () => {
    expect(concurrency.group).toContain('${{ github.ref }}');
  });

  test('limits the time of each job that runs steps', () => {
    const unlimited = Object.entries(jobs).filter(([, job]) => job.steps && job['timeout-minutes'] === undefined);
    expect(unlimited).toEqual([]);
  });

  test('pins every action by commit, with its version as a comment', () => {
    const uses = [...read(`${WORKFLOWS}/${file}`).matchAll(/uses: (.+)/g)].map(([, action = '']) => action);
    const actions = uses.filter((action) => !action.startsWith('./'));
    for (const action of actions) expect(action).toMatch(/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('leaves no token in the checkout', () => {
    const checkouts = steps.filter(({ uses = '' }) => uses.startsWith('actions/checkout@'));
    for (const checkout of checkouts) expect(checkout.with?.['persist-credentials']).toBe(false);
  });
});

describe('ci.yml', () => {
  const ci = workflow('ci.yml');

  test('runs what a contributor runs', () => {
    expect(stepsOf(ci).map(({ run }) => run)).toContain('bash .ci/run');
    expect(exists('.ci/run')).toBe(true);
  });

  test('runs for every pull request and for main', () => {
    expect(ci.on).toMatchObject({ pull_request: null, push: { branches: ['main'] } });
  });
});

describe('release.yml', () => {
  const release = workflow('release.yml');
  const build = stepsOf(release).find(({ uses = '' }) => uses.startsWith('docker/build-push-action@'));

  test('runs for tags of versions only', () => {
    expect(release.on).toEqual({ push: { tags: ['v*'] } });
  });

  test('publishes only what has passed CI', () => {
    expect(release.jobs['image']?.needs).toContain('test');
    expect(release.jobs['test']?.uses).toBe('./.github/workflows/ci.yml');
  });

  test('builds the last stage of the Dockerfile with SBOM and provenance', () => {
    const last = [...read('Dockerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].at(-1)?.[1];
    expect(build?.with).toMatchObject({ push: true, target: last, sbom: true, provenance: 'mode=max' });
  });

  test('may write packages and attestations, and nothing else', () => {
    expect(release.jobs['image']?.permissions).toEqual({
      contents: 'read',
      packages: 'write',
      'id-token': 'write',
      attestations: 'write',
    });
  });
});

describe('dependabot.yml', () => {
  interface Update {
    readonly 'package-ecosystem': string;
    readonly directory?: string;
    readonly directories?: readonly string[];
    readonly schedule: { readonly interval: string };
    readonly groups: Readonly<Record<string, unknown>>;
  }
  const { updates } = readYaml('.github/dependabot.yml') as { readonly updates: readonly Update[] };

  /** Folders, relative to the root, with a file of this name; `/` is the root. */
  function foldersWith(manifest: string): readonly string[] {
    return [manifest, ...filesBelow('local')]
      .filter((file) => file.split('/').at(-1) === manifest && exists(file))
      .map((file) => `/${file.split('/').slice(0, -1).join('/')}`)
      .sort();
  }

  test.each([
    ['npm', 'package.json'],
    ['docker', 'Dockerfile'],
    ['gomod', 'go.mod'],
    ['pip', 'requirements.txt'],
    ['maven', 'pom.xml'],
  ])('%s covers every %s', (ecosystem, manifest) => {
    const own = updates.filter((update) => update['package-ecosystem'] === ecosystem);
    const covered = own.flatMap(({ directory, directories = [] }) => directory ?? directories);
    expect([...covered].sort()).toEqual(foldersWith(manifest));
  });

  test('updates weekly, in groups', () => {
    for (const { groups, schedule } of updates) {
      expect(schedule.interval).toBe('weekly');
      expect(Object.keys(groups).length).toBeGreaterThan(0);
    }
  });
});

describe.each(filesIn(FORMS, '.yml').filter((file) => file !== 'config.yml'))('issue form %s', (file) => {
  interface Form {
    readonly name: string;
    readonly description: string;
    readonly body: readonly {
      readonly type: string;
      readonly id?: string;
      readonly attributes: { readonly label?: string; readonly value?: string };
    }[];
  }
  const { body, description, name } = readYaml(`${FORMS}/${file}`) as Form;
  const questions = body.filter(({ type }) => type !== 'markdown');

  test('has what GitHub requires of a form', () => {
    expect([name, description].every(Boolean)).toBe(true);
    expect(questions.every(({ attributes }) => attributes.label)).toBe(true);
    expect(questions.map(({ type }) => type).filter((type) => !['input', 'textarea'].includes(type))).toEqual([]);
  });

  test('gives each question an id of its own', () => {
    expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
  });
});
