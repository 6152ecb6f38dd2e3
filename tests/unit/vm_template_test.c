/* template and env as scripts see them. */
#include "support/unit.h"

#include "support/vm_unit.h"

static void test_templates(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return template.render('a {{ x }} b', { x = 5 })", "a 5 b"},
      {"return template.render('{{ x }}{{ x .. y }}', { x = 1, y = 'z' })", "11z"},
      {"return template.render('no marks { } % #')", "no marks { } % #"},
      {"return template.render('')", ""},
      {"return template.render('{% for i = 1, 3 do %}{{ i }},{% end %}')", "1,2,3,"},
      {"return template.render('a\\n  {% for i = 1, 2 do %}\\n{{ i }}\\n  {% end %}  \\nb')",
       "a\n1\n2\nb"},
      {"return template.render('a {# remark \\n of two #}b\\n{# alone #}\\nc')", "a b\nc"},
      {"return template.render('{{ ({ a = { b = 1 }}).a.b }}')", "1"},
      {"return template.render('{{ #{ 1, { 2 }}}}')", "2"},
      {"return template.render('{{ x }}', { x = false })", "false"},
      {"return template.render('{% if x then %}yes{% else %}no{% end %}', {})", "no"},
      {"return template.render('{% (function() y = 2 end)() %}{{ y }}')", "2"},
      {"return template.render('{% x = 2 %}{{ x }}') .. tostring(x)", "2nil"},
      {"return template.render('{{ string.upper(\"}a\") }}')", "}A"},
      {"return template.render('{{ x }}{{{ x }}}', { x = '<&\"\\'>' }, { escape = 'html' })",
       "&lt;&amp;&quot;&#39;&gt;<&\"'>"},
      {"return template.render('{{ x }}', { x = 'a' }, { escape = string.upper })", "A"},
      {"local f = template.compile('{{ n }}') return f { n = 1 } .. f { n = 2 }", "12"},
      {"return template.render('{% sleep(0.001) %}{{ (function() sleep(0.001) return 1 end)() }}')",
       "1"},
      {"return #template.render(('{{ x }} and {% y = 1 %}'):rep(3000) .. ('\\n  {% z = 1 "
       "%}\\nw'):rep(3000), { x "
       "= 'a' })",
       "24000"},
      {"return template.render('{% a = 1 %}\\n{% b = 2 %}\\n{# c #}\\n{{ a }} {% d = 1 %}\\n')",
       "1 \n"},
      {"local co = coroutine.wrap(function() "
       "return template.render('{% coroutine.yield(1) %}x') end) return co() .. co()",
       "1x"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void test_errors(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"template.render('a\\n\\n{{ x')", "!t.lua:1: template:3: {{ without }}"},
      {"template.render('a\\n{% if')", "!t.lua:1: template:2: {% without %}"},
      {"template.render('a\\n{{ user.name }}', { user = {} })", "!template:2: user.name is nil"},
      {"template.render('a\\n\\n{{ user.name }}', {}, { name = 'b.html' })",
       "!b.html:3: attempt to index a nil value (global 'user')"},
      {"template.render('{% for i = 1, 2 do %}\\n{# x\\n\\n #}\\n{{ i }}\\n{% end %}\\n{{ 1 + {} "
       "}}')",
       "!template:7: attempt to perform arithmetic on a table value"},
      {"template.render('{% for i = 1, 2 do %}\\n\\n')",
       "!t.lua:1: template:3: 'end' expected (to close 'for' at line 1) near <eof>"},
      {"template.render('\\n{{ 1 + }}')", "!t.lua:1: template:2: unexpected symbol near <eof>"},
      {"template.render('\\n{{ 1), (2 }}')", "!t.lua:1: template:2: <eof> expected near ')'"},
      {"template.render('{{ x -- y }}')", "!t.lua:1: template:1: a remark cannot end"},
      {"template.render('{% x = 1 -- y %}text')", "!t.lua:1: template:1: a remark cannot end"},
      {"template.render(5)",
       "!t.lua:1: template.render: the template must be a string, got number"},
      {"template.render('', 5)", "!t.lua:1: template: the values must be a table, got number"},
      {"template.render('', {}, { escape = 'xml' })",
       "!t.lua:1: template.render: escape must be \"html\" or a function, got \"xml\""},
      {"template.compile('', { nam = 1 })",
       "!t.lua:1: template.compile: unknown option \"nam\", did you mean \"name\"?"},
      {"return select(3, template.file('/no/such.html'))", "not_found"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void test_env(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return env.SHOP_A .. env.get('SHOP_A') .. env.require('SHOP_A') .. env.all().SHOP_A",
       "1111"},
      {"return tostring(env.SHOP_NONE) .. tostring(env.get('SHOP_NONE')) .. "
       "env.get('SHOP_NONE', 'x') .. env.get('SHOP_EMPTY', 'x')",
       "nilnilx"},
      {"env.require('SHOP_AA')",
       "!t.lua:1: env.require: the variable \"SHOP_AA\" is not set, did you mean \"SHOP_A\"?"},
      {"env.require('SHOP_EMPTY')", "!t.lua:1: env.require: the variable \"SHOP_EMPTY\" is empty"},
      {"env.SHOP_A = '2'", "!t.lua:1: env.SHOP_A: the environment is to be read only"},
      {"env.get()", "!t.lua:1: env.get: the name must be a string, got nil"},
      {"env.get('a=b')", "!t.lua:1: env.get: \"a=b\" cannot be the name of a variable"},
  };
  setenv("SHOP_A", "1", 1);
  setenv("SHOP_EMPTY", "", 1);
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_templates),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_env),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
