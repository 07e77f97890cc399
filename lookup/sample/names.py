"""Names by the frequencies of Chinese characters, with the rare cases that break software."""

import random
from collections.abc import Sequence
from itertools import accumulate

DOT = "·"
"""U+00B7, between the parts of transliterated names, as on identity cards."""

TWO_CHARACTERS = 0.25
DOTTED = 0.003
RARE = 0.003

# Rounded per mille of the population, leaning to Zhejiang.
_SURNAMES = """
王72 陈68 张54 李46 徐42 周34 吴33 金31 沈30 朱27 杨26 胡23 刘23 黄22 孙20 郑20 赵18 俞17
叶17 何16 汪15 林15 高14 余14 洪13 方18 章13 许12 蒋11 潘10 姚10 马10 陆10 程9 钱9 邵9 丁8
施8 郭8 谢8 夏8 倪7 曹7 董7 韩7 冯7 蔡7 唐7 宋7 吕6 钟6 傅6 罗6 童6 袁6 楼6 姜6 毛6 戴6 盛5
梁5 葛5 范4 卢4 凌4 苏4 顾4 汤4 严4 任4 田4 杜4 孔4 魏4 应4 肖4 陶3 翁3 祝3 项3 裘3 鲁3 邱3
骆3 孟3 屠3 邓3 莫2 彭2 柳2 曾2 戚2 鲍2 石2 龚2 包2 于2 郎2 阮2 廖2 寿2 虞2 邹2 詹2 贾2 柴1 管1
缪1 来2 华2 欧阳1 诸葛1 上官0.3 司徒0.2 夏侯0.2
"""

# Weights of characters in given names of children born about 2000: of boys, of
# girls, and of either, which both draw from besides their own.
_BOYS = """
杰40 浩36 俊32 伟26 涛24 凯24 鑫22 鹏20 超18 峰17 磊16 斌16 龙16 飞16 豪16 锋15 强14 波14
军12 勇10 辉12 健11 彬11 剑10 栋10 楠9 炜10 威9 骏9 坤9 帆10 铭12 翔13 毅9 哲12 权7 城9
雄4 帅8 昊11 煜9 烨10 恒7 博10 启8 振7 建14 国12 志17 海12 刚6 亮6 松6 彪3 钢4 武5 雷6 良8
荣8 永7 忠4 祥6 兴5 德5 富4 宏8 旭10 卫3 胜4 福3 兵3 东8 力6 达6 远8 森6 鸿6 航11 灿5 成9 柯5 锴3
晟6 昕4 瀚4 晖4 耀4 焕3 诚7 源7 泽15 轩7 皓5 睿6 骁2 钧4 翰4 乾3 铠2 渊3 炳3 奇8 捷4 君6 民4
"""
_GIRLS = """
婷30 佳24 怡22 丽20 燕16 芳13 娜12 倩17 颖17 洁15 琳15 莹15 敏14 静14 雅14 璐13 琪14 琦9 娟11
萍9 玲11 红8 霞8 艳8 雪11 莉9 慧12 媛9 露9 菲8 珊7 虹6 婧7 瑶10 蕾9 薇7 诗8 妍6 丹11 梅7 兰5 英8
芬6 琴7 凤5 秀4 美6 玉7 珍4 香4 莲4 月4 娇6 婕5 蓉6 莎5 芸6 芝4 翠2 菁5 钰7 瑜6 琼4 园4 巧4 姣4 妙4
妮5 娴4 萌4 茜4 蓓4 岚4 彤4 漪3 滢5 瑾5 筱4 舒5 依8 悦6 柔2 嫣4 盈5 晴5 黛1 霏3 荷2 苑1 纯3 婉4
"""
_EITHER = """
晓18 佳26 文16 宇20 晨24 梦14 思18 嘉18 子14 一15 雨12 欣16 天10 华9 明12 林8 云8 阳13 洋9 宁9
乐8 元6 安6 家8 学5 清6 青7 金5 平5 春5 晶8 新5 星6 杭6 可7 逸8 之6 其5 亦5 心6 艺6 若5 书5 锦5
瑞6 智6 维5 中3 世4 小7 立5 景4 南4 凡6 如5 希4 泓4 涵10 淳3 炎2 然4 灵5 聪5 越4 迪4 郁2 闻2 霖4 韵4
"""

# In the general standard table (通用规范汉字表), but beyond the basic plane.
_BEYOND_BASIC_PLANE = "𬱟𬭚𬸚𫖯𬀩𬍛𬊈𫍯𬴊𫟹𫘧𬘭𬬻𬍤𫠜𬬮𬭎𬘓𬩽𬜬"
# In the basic plane, but four bytes long in GB 18030.
_FOUR_BYTES_IN_GB18030 = "㛃㬎㳘㻬㳚㛚㬊㮾㵐㥄㽏㟃㤘㙦"

# Syllables of Uyghur names in Chinese characters: (first, second) of a given name
# by sex, and of the father's name, which follows the dot.
_BOYS_DOTTED = (
    ["阿卜杜", "艾合", "吐尔", "玉素", "卡斯", "买合", "艾克", "伊力", "帕尔"],
    ["拉", "买提", "逊", "甫", "木", "江"],
)
_GIRLS_DOTTED = (
    ["阿依", "古丽", "迪丽", "热依", "米热", "帕提", "麦尔", "祖丽"],
    ["古丽", "努尔", "娜尔", "古丽曼", "罕"],
)
_FATHERS = (
    ["买买", "吐尔", "艾山", "阿布力", "热合", "依米", "库尔", "亚森"],
    ["提", "逊", "江", "米提", "曼", "班", "尼亚孜"],
)


class Weighted:
    """Text to draw from by weight, from a table such as `王72 陈68`."""

    def __init__(self, *tables: str) -> None:
        words = [word for table in tables for word in table.split()]
        self._texts = [word.rstrip("0123456789.") for word in words]
        weights = (float(word.lstrip(text)) for word, text in zip(words, self._texts, strict=True))
        self._bounds = list(accumulate(weights))

    def draw(self, rng: random.Random) -> str:
        return rng.choices(self._texts, cum_weights=self._bounds)[0]


_SURNAME = Weighted(_SURNAMES)
_GIVEN = {True: Weighted(_GIRLS, _EITHER), False: Weighted(_BOYS, _EITHER)}


def _dotted(rng: random.Random, *, girl: bool) -> str:
    def word(syllables: tuple[Sequence[str], Sequence[str]]) -> str:
        first, second = rng.choice(syllables[0]), rng.choice(syllables[1])
        return first if first == second else first + second

    return word(_GIRLS_DOTTED if girl else _BOYS_DOTTED) + DOT + word(_FATHERS)


def _rare(rng: random.Random) -> str:
    """A rare character: beyond the basic plane, or as often one that GB 18030 writes long."""
    return rng.choice(_BEYOND_BASIC_PLANE if rng.random() < 0.5 else _FOUR_BYTES_IN_GB18030)


def full_name(rng: random.Random, *, girl: bool) -> str:
    """A made-up name: surname and one or two characters, or parts joined by `DOT`.

    About one in four has one given character, and three in a thousand each have the
    dot or a rare character. Real names may come up, as any two strangers share one.
    """
    if rng.random() < DOTTED:
        return _dotted(rng, girl=girl)
    characters = _GIVEN[girl]
    given = characters.draw(rng)
    if rng.random() >= TWO_CHARACTERS:
        given += characters.draw(rng)
    if rng.random() < RARE:
        given = given[:-1] + _rare(rng)
    return _SURNAME.draw(rng) + given
