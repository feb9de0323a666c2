// What the pages' JavaScript is held to, beside prettier and the type checker.

import js from '@eslint/js';
import globals from 'globals';

const STATIC = 'nodes/camfan_nodes/web/static';
const WORKER_FILES = [`${STATIC}/connection_worker.js`, `${STATIC}/sw.js`];
const CLASSIC_SCRIPTS = [`${STATIC}/sw.js`, `${STATIC}/theme.js`];

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      complexity: ['error', 12],
      curly: ['error', 'multi-line'],
      eqeqeq: 'error',
      'max-len': ['error', { code: 120, ignoreUrls: true }], // prettier keeps long strings
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', 50],
      'no-implicit-coercion': 'error',
      'no-sequences': 'error',
      'no-shadow': 'error',
      'no-unused-expressions': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: [`${STATIC}/*.js`],
    languageOptions: { globals: globals.browser },
    rules: {
      // State of a module stands in one object with a type, not in variables.
      'no-restricted-syntax': [
        'error',
        { selector: 'Program > VariableDeclaration[kind="let"]', message: 'state is an object' },
      ],
    },
  },
  { files: WORKER_FILES, languageOptions: { globals: globals.serviceworker } },
  { files: CLASSIC_SCRIPTS, languageOptions: { sourceType: 'script' } },
  {
    files: ['tests/javascript/*.js'],
    languageOptions: { globals: globals.node },
    rules: { 'max-lines-per-function': 'off' }, // a group of tests is a function
  },
];
