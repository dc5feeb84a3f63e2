// Chromium, and a page of it that notices everything that should not be.

import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {after} from 'node:test';

import * as settings from './settings.mjs';

const require = createRequire(`${settings.npmModules}/`);
const {chromium} = require('playwright-core');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let running = null;

function browser() {
  running ??= chromium.launch({executablePath: settings.chromium, args: FLAGS, timeout: 60_000});
  return running;
}

after(async () => {
  await (await running)?.close();
});

mkdirSync(settings.screenshots, {recursive: true});

// What a page says of a failed request by itself; tests name those that they provoke.
const FAILED_REQUEST = /^Failed to load resource:/;

/** A page with a profile of its own. */
export class Visitor {
  static async arrive({width = 1280, height = 860, scheme = 'light', bypassCSP = false} = {}) {
    const context = await (
      await browser()
    ).newContext({
      viewport: {width, height},
      colorScheme: scheme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      acceptDownloads: true,
      bypassCSP,
    });
    context.setDefaultTimeout(settings.PATIENCE_MS);
    await context.addInitScript(() => {
      window.violations = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    return new Visitor(context, await context.newPage());
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.faults = [];
    this.failedRequests = [];
    this.requests = [];
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      if (FAILED_REQUEST.test(message.text())) {
        this.failedRequests.push(`${message.text()} ${message.location().url}`);
      } else {
        this.faults.push(`console: ${message.text()}`);
      }
    });
    page.on('pageerror', (error) => this.faults.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on('request', (request) => this.requests.push(request));
  }

  async open(address = '/admin/') {
    await this.page.goto(settings.gateway + address);
  }

  /** Opens an address and signs in there. */
  async signIn(user = settings.staff, address = '/admin/') {
    await this.open(address);
    await this.fillSignIn(user);
  }

  async fillSignIn({name, password}) {
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', {name: 'Sign in'}).click();
  }

  /**
   * Goes to another address of the pages without losing the sign-in, and waits for what is there.
   */
  async go(address) {
    await this.page.evaluate((to) => {
      const link = document.createElement('a');
      link.href = to;
      document.body.append(link);
      link.click();
      link.remove();
    }, address);
    await this.settled();
  }

  /** Waits until the page shows what its address asks for. */
  async settled() {
    await this.page.waitForFunction(
      () =>
        document.querySelector(
          '.table tbody tr, .grid li, .hero, .plain-hero, .state',
        ) && !document.querySelector('[aria-busy], .skeleton'),
    );
  }

  query() {
    return new URL(this.page.url()).searchParams;
  }

  rows() {
    return this.page.locator('.results tbody tr');
  }

  /** The texts of a column of the list. */
  async column(id) {
    return this.page.locator(`.results tbody .column-${id}`).allInnerTexts();
  }

  async shoot(name) {
    await this.page.screenshot({path: `${settings.screenshots}/${name}.png`});
  }

  /** Leaves; fails if anything was seen that should not be. `failed` are requests meant to fail. */
  async leave({failed = []} = {}) {
    const violations = await this.page.evaluate(() => window.violations);
    const hosts = new Set(
      this.requests
        .map((request) => new URL(request.url()))
        .filter(({protocol}) => !['blob:', 'data:', 'about:'].includes(protocol))
        .map(({origin}) => origin),
    );
    await this.context.close();
    assert.deepEqual(violations, [], 'the Content-Security-Policy was not kept');
    assert.deepEqual(this.faults, []);
    for (const one of this.failedRequests) {
      assert.ok(
        failed.some((expected) => expected.test(one)),
        one,
      );
    }
    for (const expected of failed) {
      assert.ok(
        this.failedRequests.some((one) => expected.test(one)),
        `none is ${expected}`,
      );
    }
    for (const host of hosts) assert.ok([settings.gateway, settings.standins].includes(host), host);
  }
}

/** Lets a visitor in, who leaves whatever happens. */
export async function visit(options, story) {
  const visitor = await Visitor.arrive(options);
  try {
    await story(visitor);
  } catch (error) {
    await visitor.shoot(`failed-${Date.now()}`).catch(() => {});
    await visitor.context.close();
    throw error;
  }
  await visitor.leave(options);
}

export function axeSource() {
  return require('axe-core').source;
}
