/** The compilers and package managers that making the missing parts takes, looked for before anything is begun. */
import { LocalProblem } from '../problem.ts';
import type { Recipe, Tool } from '../versions.ts';
import { locateGo } from './go-toolchain.ts';
import { onPath, outputOf } from './locate.ts';

interface Lack {
  /** What is missing, and what for. */
  readonly message: string;
  /** Packages that bring it, by package manager. */
  readonly packages: Readonly<Record<Manager, readonly string[]>>;
}

type Manager = 'apt-get' | 'dnf' | 'brew';

const INSTALL: Readonly<Record<Manager, string>> = {
  'apt-get': 'apt-get install -y',
  dnf: 'dnf install -y',
  brew: 'brew install',
};

const PYTHON_CHECK = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
const JAVA_NEEDED = 17;

/**
 * @param tools those that are built here.
 * @throws LocalProblem naming every toolchain that is missing, and the one line that installs them all.
 */
export async function requireToolchains(tools: readonly Tool[]): Promise<void> {
  const users = (kind: Recipe['kind']): string =>
    tools
      .filter(({ recipe }) => recipe.kind === kind)
      .map(({ name }) => name)
      .join(', ');
  const [go, python, maven] = [users('go'), users('python'), users('maven')];
  const hasPython = await isPythonUsable();
  const lacks: Lack[] = [];
  const goByPython = go !== '' && (await locateGo()) === undefined;
  if ((python !== '' || goByPython) && !hasPython) {
    const what = [python, ...(goByPython ? ['Go, which builds the others'] : [])].filter((word) => word !== '');
    lacks.push({
      message: `Python 3.10 or newer with its venv module, for ${what.join(', and for ')}`,
      packages: { 'apt-get': ['python3-venv'], dnf: ['python3'], brew: ['python'] },
    });
  }
  if (maven !== '' && !(await isJavaUsable())) {
    lacks.push({
      message: `a Java runtime 17 or newer, for ${maven}`,
      packages: { 'apt-get': ['default-jre-headless'], dnf: ['java-21-openjdk-headless'], brew: ['--cask', 'temurin'] },
    });
  }
  if (maven !== '' && onPath('mvn') === undefined) {
    lacks.push({
      message: `Maven, for ${maven}`,
      packages: { 'apt-get': ['maven'], dnf: ['maven'], brew: ['maven'] },
    });
  }
  if (lacks.length > 0) throw missing(lacks);
}

async function isPythonUsable(): Promise<boolean> {
  return (await outputOf('python3', ['-c', PYTHON_CHECK])) !== undefined;
}

async function isJavaUsable(): Promise<boolean> {
  // `version "17.0.15"`; up to Java 8 the first number is 1.
  const version = /version "(\d+)/.exec((await outputOf('java', ['-version'])) ?? '')?.[1];
  return Number(version ?? 0) >= JAVA_NEEDED;
}

function missing(lacks: readonly Lack[]): LocalProblem {
  const managers = Object.keys(INSTALL) as readonly Manager[];
  const manager = managers.find((name) => onPath(name) !== undefined);
  const list = lacks.map(({ message }) => `  - ${message}`).join('\n');
  const packages = manager === undefined ? [] : lacks.flatMap((lack) => lack.packages[manager]);
  return new LocalProblem({
    message: `This machine lacks what some local parts are made with:\n${list}`,
    next:
      manager === undefined
        ? 'Install these, and run this again.'
        : `${process.getuid?.() === 0 || manager === 'brew' ? '' : 'sudo '}${INSTALL[manager]} ${packages.join(' ')}\n  Then run this again.`,
  });
}
