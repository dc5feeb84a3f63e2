// Who gets in, and what is kept of a sign-in: nothing.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {visit, Visitor} from './browser.mjs';
import {endSignIns, people} from './data.mjs';
import {gateway, staff} from './settings.mjs';

const MAX_FIRST_LOAD_BYTES = 100 * 1024;

test('before anything the pages ask for a sign-in, in less than 100 KiB', async () => {
  await visit({}, async (visitor) => {
    const sizes = [];
    visitor.page.on('requestfinished', (request) => sizes.push(request.sizes()));
    await visitor.open();
    await visitor.page.getByRole('heading', {name: 'Sign in'}).waitFor();
    const bytes = (await Promise.all(sizes))
      .map((size) => size.responseBodySize + size.responseHeadersSize)
      .reduce((sum, size) => sum + size, 0);
    assert.ok(bytes > 10_000 && bytes < MAX_FIRST_LOAD_BYTES, `${bytes} bytes`);
    await visitor.shoot('sign-in');
  });
});

test('a wrong password is refused in words', async () => {
  await visit({failed: [/401.*\/users\/token\//]}, async (visitor) => {
    await visitor.signIn({name: staff.name, password: 'not the password'});
    await visitor.page.getByText('The name or the password is wrong.').waitFor();
    assert.equal(await visitor.page.getByLabel('Password').inputValue(), '');
    await visitor.shoot('sign-in-refused');
  });
});

test('a sign-in shows what the address asks for, and leaves no trace', async () => {
  await people();
  await visit({}, async (visitor) => {
    await visitor.signIn(staff, '/admin/?source=lastfm&show=grid');
    await visitor.page.locator('.grid li').first().waitFor();
    assert.equal(visitor.page.url(), `${gateway}/admin/?source=lastfm&show=grid`);
    const kept = await visitor.page.evaluate(async () => ({
      local: Object.entries(localStorage),
      session: Object.entries(sessionStorage),
      cookie: document.cookie,
      databases: (await indexedDB.databases()).length,
    }));
    assert.deepEqual(kept, {local: [], session: [], cookie: '', databases: 0});
    assert.deepEqual(await visitor.context.cookies(), []);
    await visitor.page.reload();
    await visitor.page.getByRole('heading', {name: 'Sign in'}).waitFor();
    assert.equal(visitor.page.url(), `${gateway}/admin/?source=lastfm&show=grid`);
  });
});

test('a user who is not staff is told so, and may sign in as somebody else', async () => {
  const {someone} = await people();
  await visit({failed: [/403.*\/admin\/api\//]}, async (visitor) => {
    await visitor.signIn(someone);
    await visitor.page.getByRole('heading', {name: 'This needs a staff account'}).waitFor();
    await visitor.shoot('not-staff');
    await visitor.page.getByRole('button', {name: 'Sign in as somebody else'}).click();
    await visitor.page.getByRole('heading', {name: 'Sign in'}).waitFor();
  });
});

test('an access token that has expired is renewed without anybody noticing', async () => {
  await visit({failed: [/401.*\/admin\/api\/users/]}, async (visitor) => {
    await visitor.signIn();
    await visitor.settled();
    let renewals = 0;
    visitor.page.on('request', (request) => {
      if (request.url().endsWith('/users/token/refresh/')) renewals += 1;
    });
    await visitor.page.route(
      '**/admin/api/users?*',
      (route) => route.fulfill({status: 401, json: {}}),
      {times: 1},
    );
    await visitor.go('/admin/?view=users');
    await visitor.rows().first().waitFor();
    assert.equal(renewals, 1);
    await visitor.go('/admin/?view=batches');
    await visitor.rows().first().waitFor();
    assert.equal(renewals, 1);
  });
});

test('a sign-in that has ended is asked for again, and the view comes back', async () => {
  await people();
  const failed = [/401.*\/admin\/api\//, /401.*\/users\/token\/refresh/];
  await visit({failed}, async (visitor) => {
    await visitor.signIn();
    await visitor.settled();
    await endSignIns(staff);
    await visitor.page.getByRole('link', {name: 'Audit log'}).click();
    await visitor.page.getByRole('heading', {name: 'Your sign-in has ended'}).waitFor();
    await visitor.shoot('sign-in-ended');
    await visitor.page.getByLabel('Password').fill(staff.password);
    await visitor.page.getByRole('button', {name: 'Sign in'}).click();
    await visitor.page.getByRole('heading', {name: 'Audit log'}).waitFor();
    await visitor.rows().first().waitFor();
  });
});

test('signing out ends it', async () => {
  await visit({}, async (visitor) => {
    await visitor.signIn();
    await visitor.settled();
    await visitor.page.getByRole('button', {name: 'Sign out'}).click();
    await visitor.page.getByRole('heading', {name: 'Sign in'}).waitFor();
    await visitor.page.goBack().catch(() => {});
    assert.equal(await visitor.rows().count(), 0);
  });
});

test('the pages cannot be framed, and their headers say what they may do', async () => {
  const response = await fetch(`${gateway}/admin/`);
  const policy = response.headers.get('content-security-policy');
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.split('; ').includes(part), `${part} in ${policy}`);
  }
  assert.ok(!policy.includes('unsafe'));
  assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
  assert.match(response.headers.get('permissions-policy'), /camera=\(\)/);
  const visitor = await Visitor.arrive();
  try {
    await Promise.all([
      visitor.page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text())),
      visitor.page.setContent(`<iframe src="${gateway}/admin/"></iframe>`),
    ]);
    for (const frame of visitor.page.frames().slice(1)) {
      assert.equal(await frame.locator('.sign-in, #app').count(), 0);
    }
  } finally {
    await visitor.context.close();
  }
});
